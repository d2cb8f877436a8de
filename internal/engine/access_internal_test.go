package engine

import "testing"

// TestWhoMayDoWhat is the rule of APS, one line for each kind of person.
func TestWhoMayDoWhat(t *testing.T) {
	t.Parallel()
	task := &Task{ID: "t", InstanceID: "i", Assignee: "assignee", Owner: "owner"}
	links := []Link{{TaskID: "t", Kind: Candidate, UserID: "candidate"}, {TaskID: "t", Kind: Candidate, GroupID: "sales"}, {TaskID: "t", Kind: Participant, UserID: "helper"},
		{TaskID: "t", Kind: "reviewer", GroupID: "press"}, {InstanceID: "i", Kind: Participant, UserID: "bystander"}}
	rights := []right{toRead, toComplete, toClaim, toUnclaim, toAssign, toUpdate, toInvolve}
	for _, c := range []struct {
		who     string
		actor   Actor
		may     string // of rights, x for each that he has
		trusted bool   // the task lets the initiator complete it
	}{
		{"the assignee", Actor{UserID: "assignee"}, "xxxxxxx", false},
		{"the owner", Actor{UserID: "owner"}, "xx--xxx", false},
		{"a candidate", Actor{UserID: "candidate"}, "x-x----", false},
		{"one of a candidate group", Actor{UserID: "anna", Groups: []string{"it", "sales"}}, "x-x----", false},
		{"whoever was involved", Actor{UserID: "helper"}, "x-x--x-", false},
		{"one of an involved group", Actor{UserID: "bert", Groups: []string{"press"}}, "x-x--x-", false},
		{"who takes part in the process", Actor{UserID: "bystander"}, "x------", false},
		{"who started the process", Actor{UserID: "starter"}, "x------", false},
		{"who started it and may complete", Actor{UserID: "starter"}, "xx--xxx", true},
		{"a stranger", Actor{UserID: "eve", Groups: []string{"other"}}, "-------", false},
		{"a stranger where the initiator may", Actor{UserID: "eve"}, "-------", true},
		{"nobody", Actor{}, "-------", true},
		{"nobody with groups", Actor{Groups: []string{"sales"}}, "-------", false},
	} {
		got := ""
		r := roles(c.actor, task, links, "starter", c.trusted)
		for _, what := range rights {
			if r&allowed[what] != 0 {
				got += "x"
			} else {
				got += "-"
			}
		}
		if got != c.may {
			t.Errorf("%s may %s, want %s", c.who, got, c.may)
		}
	}
	// A task of nobody is not the task of the user without a name.
	if r := roles(Actor{}, &Task{}, nil, "", true); r != 0 {
		t.Errorf("nobody has the roles %b of a task of nobody", r)
	}
}
