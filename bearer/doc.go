// Package bearer checks OAuth 2 bearer tokens in front of HTTP handlers.
package bearer
