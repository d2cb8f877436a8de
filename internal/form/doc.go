// Package form reads forms as Alfresco Process Services keeps them and checks what is
// submitted to them.
//
// Parse turns a form's JSON into fields, tabs, outcomes and conditions. Check does on
// the server what a page should have done: which fields are visible, what is required,
// types, lengths, bounds, patterns, options and dates. All problems are told at once,
// each with its field. What passes comes back twice: as the values to keep with the form
// and as the variables of the process, in the types that APS gives them.
//
// A field of a type that is not known here, as a stencil may define one, is kept and its
// value passed on as it came.
//
// The package serves no URL and knows no database, process or user.
package form
