package oauth

import "testing"

// A spare key is given once: two keys of one database are never the same.
func TestSpareKeyIsUsedOnce(t *testing.T) {
	t.Parallel()
	spare := MakeSpareKey()
	made := spare.key.Load()
	first, err := spare.take()
	if err != nil || first == nil || (made != nil && first != made) {
		t.Fatal(first, err)
	}
	for name, from := range map[string]*SpareKey{"taken": spare, "none": nil} {
		if next, err := from.take(); err != nil || next == nil || next.Equal(first) {
			t.Errorf("%s: %v", name, err)
		}
	}
}
