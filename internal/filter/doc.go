// Package filter keeps the searches of tasks and of process instances that users have
// named, for each user and app, in the order that he likes.
//
// What a search asks for is JSON that the room keeps and does not read. A user's
// filters are his alone: nobody else's call finds them.
package filter
