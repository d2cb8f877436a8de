// Package delegate is what service tasks of APS, Activiti and Flowable run by a name of
// their own and that leaves the process: the REST call (activiti_restCallDelegate), the
// tasks of the types http and mail; and the beans that APS's expressions know.
//
// Each call is an engine.Outside: its request is made in the transaction that reaches the
// task, sent outside of any, and its answer taken in the transaction by which the process
// goes on. A call may be repeated after a crash; it has the same Idempotency-Key, a mail
// the same Message-ID.
//
// Where calls may go is a list of hosts, and private addresses are refused when the
// connection is made, whatever a name resolved to before. Values of variables are put
// into requests as they are and never evaluated. Neither requests nor credentials are
// logged.
//
// A Fetcher asks services for the choices of forms, by the same rules.
//
// It knows no database and no HTTP server.
package delegate
