// Package zitadel drives Sluice by the certified relying party of
// github.com/zitadel/oidc. It is a module of its own, so that the library's
// dependencies stay out of Sluice's. It holds tests only.
package zitadel
