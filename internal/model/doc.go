// Package model keeps what people make before it is deployed: processes, forms, apps and
// decision tables, with the versions that each has had.
//
// An app comes as an archive and is taken apart; its files are kept byte by byte, and put
// together again they are the same archive. Publishing puts an app together and gives it to
// the engine, which checks and deploys it.
//
// A model has a number of its own. Files of an app name each other by the numbers that
// they had where the app was made; these are kept as the models' keys, so that no document
// is rewritten.
//
// It serves no URL, knows users by their numbers only and must not know how processes run.
package model
