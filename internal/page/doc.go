// Package page shows people's pages: one layout, the templates of every room,
// the static files, and what guards a form.
//
// It serves /static/. Pages work without JavaScript, by keyboard and on a phone;
// a content security policy forbids everything that they do not need. Every form
// carries a token that is bound to a cookie, and Protect refuses a form without
// it (see csrf.go).
//
// It must not know users, clients or the database: a room hands it a view, which
// is plain text to show.
package page
