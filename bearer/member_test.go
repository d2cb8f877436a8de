package bearer

import (
	"bytes"
	"testing"

	"github.com/go-json-experiment/json"
	"github.com/go-json-experiment/json/jsontext"
)

// The reading without copies finds what the library finds, and refuses what it
// refuses.
func FuzzMembers(f *testing.F) {
	for _, s := range []string{`{}`, ` {"a" : [1, {"b":"c"}] , "d":null} `, `{"\u0061":1,"a":2}`, `{"a":1,"a":2}`, `{"a":{"b":1,"b":2}}`, `null`, `[]`, `{"a":1} {}`,
		`{"a":"\ud83d\ude00","é":1e5}`, "{\"a\":\"\xff\"}", `{"a":1,}`, `{"a"}`, `"x"`, ``} {
		f.Add([]byte(s))
	}
	f.Fuzz(func(t *testing.T, text []byte) {
		want := map[string]jsontext.Value{}
		wantErr := json.Unmarshal(text, &want)
		if wantErr == nil && want == nil {
			want = map[string]jsontext.Value{}
		}
		got, err := readMembers(text)
		isNull := bytes.Equal(bytes.TrimSpace(text), []byte("null"))
		if (err == nil) != (wantErr == nil && !isNull) {
			t.Fatalf("%q: %v, the library says %v", text, err, wantErr)
		}
		if err != nil {
			return
		}
		if len(got) != len(want) {
			t.Fatalf("%q: %d members, want %d", text, len(got), len(want))
		}
		for name, raw := range want {
			if !bytes.Equal(got.get(name), raw) {
				t.Errorf("%q: %q is %q, want %q", text, name, got.get(name), raw)
			}
		}
	})
}

// What the members of an answer become is text that can be read back.
func FuzzAnswer(f *testing.F) {
	for _, s := range []string{`{"sub":"\u0000","x":[1 , 2],"scope":"a b","aud":["x"],"exp":1e3}`, `{"exp":"5","cnf":{"jkt":"x"},"\"":1}`} {
		f.Add([]byte(s), true)
	}
	f.Fuzz(func(t *testing.T, text []byte, numbers bool) {
		all, err := readMembers(text)
		if err != nil {
			return
		}
		r := &reader{members: all, numbers: numbers, shares: &shares{}}
		token, err := r.finish(nil)
		if err != nil {
			return
		}
		if again, err := readMembers(token.Claims); len(token.Claims) > 0 && (err != nil || len(again) == 0) {
			t.Errorf("%q: the claims %q: %v", text, token.Claims, err)
		}
		for name := range own {
			if raw := []byte(nil); token.Claim(name, &raw) {
				t.Errorf("%q: %s has a field and is a claim", text, name)
			}
		}
		if token.Expiry.Unix() > lastSecond {
			t.Errorf("%q: it ends at %v", text, token.Expiry)
		}
	})
}
