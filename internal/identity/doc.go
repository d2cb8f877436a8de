// Package identity holds who people are: users, groups, capabilities, passwords
// and sessions, and settles who is calling.
//
// It serves
//
//	/login    the sign-in page; comes back to the local address in next
//	/logout   ends the session
//	/activiti-app/app/authentication, /activiti-app/app/logout
//	          the same for clients of APS, with a cookie of their own
//
// and wraps the REST API's handlers: RequireToken stands behind bearer.Require
// and turns a token's facts into a *User; RequireBasic does so for HTTP Basic, RequireCookie
// for cookies. All carry out impersonation for administrators.
//
// Who is calling is settled once, before the handler; from there on code sees a
// *User and never a token, a password or a cookie.
//
// It must not know clients, grants or codes, nor what users do with processes.
package identity
