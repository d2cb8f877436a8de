// Package sluicetest gives a test a whole Sluice on a fresh database:
//
//	srv := sluicetest.NewServer(t, sluicetest.User("kermit@example.com", "kermit"),
//		sluicetest.Client(sluice.NewClient{
//			Client: sluice.Client{ID: "app", GrantTypes: []string{"password"}, Scopes: []string{"read"}},
//			Secret: "secret",
//		}))
//	token := srv.Token(t, "app", "secret", url.Values{
//		"grant_type": {"password"}, "username": {"kermit@example.com"}, "password": {"kermit"},
//	})
//
// The database is SQLite in the test's own directory, or a database of its own on
// the PostgreSQL server that SLUICE_TEST_POSTGRES names. Everything ends with the
// test.
package sluicetest
