// Package engine runs processes: deployments, definitions, instances, tasks,
// variables, jobs and their history.
//
// # One command, one transaction
//
// A command (Start, Complete, Signal, a job …) loads the instances that it concerns
// with their execution trees, works off an agenda of small steps until every token
// waits, and writes what has changed in one batch. The agenda is a queue, not a
// stack of calls, and has a budget of steps: a process that runs in circles ends in an
// error that says where, and leaves the instance as it was.
//
// # State and rows
//
// The execution tree of an instance is one compact document in its row, guarded by a
// revision. What is asked for is a row of its own: task, link, variable, job,
// subscription, activity. A row is its own history: ended_at says when it ended.
//
// # Semantics
//
// What can be observed is what Activiti 6 does, down to its activity history; where
// that is a defect (stale subscriptions, loops that run once) it is not repeated.
//
// It serves no URL. It knows no token and no user but the Actor it is given, and asks
// nobody about groups.
package engine
