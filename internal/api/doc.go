// Package api answers the REST API of Alfresco Process Services under
// /activiti-app/api: its JSON, paging, dates, statuses and error bodies.
//
// A handler decodes, calls one method of a room and encodes; the wrapper in
// handle.go does what every operation shares. Who is calling was settled before:
// the handler sees identity.FromContext and never a token.
//
// APS's own words live in the JSON tags here and nowhere else. The room has no
// rules of its own.
package api
