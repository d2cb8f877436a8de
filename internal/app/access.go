package app

import (
	"encoding/json"
	"strings"

	"github.com/sluicehq/sluice/internal/fault"
)

// Reader is somebody who may see an app, as its own file names him: a person, or a group.
// Numbers are those of the server that the app came from and mean nothing elsewhere; what
// people and groups are called does.
type Reader struct {
	Login string // a person's e-mail address; empty: a group
	Group string // a group's name
}

// maxReaders is how many people and groups an app may name.
const maxReaders = 1000

// Readers returns who may see the app; nobody means everybody. Errors: Invalid when the
// app's file names somebody in a form that is not APS's, since an app that is meant for few
// must not be shown to all.
func (a *App) Readers() ([]Reader, error) {
	if len(a.Access) == 0 || string(a.Access) == "null" {
		return nil, nil
	}
	var list []struct {
		Type   string
		Person *struct{ Email string }
		Group  *struct{ Name string }
	}
	if json.Unmarshal(a.Access, &list) != nil || len(list) > maxReaders {
		return nil, fault.New(fault.Invalid, "The app's publishIdentityInfo is not a list of at most %d users and groups.", maxReaders)
	}
	readers := make([]Reader, 0, len(list))
	for _, one := range list {
		var r Reader
		switch {
		case one.Person != nil && one.Group == nil:
			r.Login = strings.TrimSpace(one.Person.Email)
		case one.Group != nil && one.Person == nil:
			r.Group = strings.TrimSpace(one.Group.Name)
		}
		if r == (Reader{}) {
			return nil, fault.New(fault.Invalid, "The app's publishIdentityInfo names neither a person with an e-mail address nor a group with a name.")
		}
		readers = append(readers, r)
	}
	return readers, nil
}
