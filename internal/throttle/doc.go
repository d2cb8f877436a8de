// Package throttle slows guessing down: of people's passwords, of clients' secrets
// and of the codes that devices show.
//
// Every attempt is counted in the database before it is checked, for the account
// that it is about and for the network that it comes from. After some free ones each
// further failure doubles the time in which nothing is checked, not even what is
// right: an answer would tell a guesser that he has found it. Names that exist and
// names that do not are counted alike.
//
// A network from which an account was proved before has a counter of its own for
// that account, so that strangers cannot keep its owner out.
//
// It serves no URL and must not know what the secrets are or how they are checked.
package throttle
