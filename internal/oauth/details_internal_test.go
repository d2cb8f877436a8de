package oauth

import (
	"reflect"
	"strings"
	"testing"

	"github.com/sluicehq/sluice/internal/page"
)

// What a user agrees to is what the client sent, in its order, readable.
func TestDetailsInWords(t *testing.T) {
	t.Parallel()
	got, err := detailTexts([]byte(`[{"amount":{"value":"123.50","currency":"EUR"},"type":"payment","actions":["initiate","status"],"recurring":true,"until":null,
		"accounts":[{"iban":"DE1"},{"iban":"DE2","from":2025.50}],"none":[],"note":"a\u202eb\u0000c","lists":[["x"],"y"]},{"type":"gift"}]`))
	if err != nil {
		t.Fatal(err)
	}
	want := []page.DetailText{{Type: "payment", Members: []page.Detail{
		{Name: "amount", Members: []page.Detail{{Name: "value", Value: "123.50"}, {Name: "currency", Value: "EUR"}}},
		{Name: "actions", Value: "initiate, status"},
		{Name: "recurring", Text: page.Yes},
		{Name: "until", Text: page.Nothing},
		{Name: "accounts", Members: []page.Detail{
			{Name: "1", Members: []page.Detail{{Name: "iban", Value: "DE1"}}},
			{Name: "2", Members: []page.Detail{{Name: "iban", Value: "DE2"}, {Name: "from", Value: "2025.50"}}},
		}},
		{Name: "none", Text: page.Nothing},
		{Name: "note", Value: "a\ufffdb\ufffdc"},
		{Name: "lists", Value: "x, y"},
	}}, {Type: "gift"}}
	if !reflect.DeepEqual(got, want) {
		t.Errorf("%+v\nwant %+v", got, want)
	}
	deep := func(n int) string {
		return `[{"type":"t","a":` + strings.Repeat(`{"a":`, n) + `1` + strings.Repeat(`}`, n) + `}]`
	}
	if _, err := detailTexts([]byte(deep(maxDetailDepth - 1))); err != nil {
		t.Errorf("as deep as allowed: %v", err)
	}
	if _, err := detailTexts([]byte(deep(maxDetailDepth))); err == nil {
		t.Error("too deep is taken")
	}
}
