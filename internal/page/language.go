package page

import (
	"cmp"
	"context"
	"embed"
	"encoding/json"
	"fmt"
	"html/template"
	"net/http"
	"regexp"
	"slices"
	"strconv"
	"strings"
)

// Languages are those in which the pages can be shown; the first is the one that
// the templates are written in.
var Languages = []string{"en", "de", "es", "fr"}

// maxLocales bounds what is read of a list of languages, in bytes.
const maxLocales = 200

//go:embed messages/*.json
var messages embed.FS

// catalogue is a language: the texts of pages by their English originals. A text
// that it does not have is shown in English.
type catalogue struct {
	lang  string
	texts map[string]string
}

func readCatalogue(lang string) (*catalogue, error) {
	c := &catalogue{lang: lang, texts: map[string]string{}}
	if lang == Languages[0] {
		return c, nil
	}
	file, err := messages.ReadFile("messages/" + lang + ".json")
	if err == nil {
		err = json.Unmarshal(file, &c.texts)
	}
	if err != nil {
		return nil, fmt.Errorf("reading the messages in %s: %w", lang, err)
	}
	return c, nil
}

// original returns the translation with its placeholders.
func (c *catalogue) original(text string) string {
	if own := c.texts[text]; own != "" {
		return own
	}
	return text
}

// own is what the operator says in this language, or for all others.
func (c *catalogue) own(texts map[string]string) string {
	if text := texts[c.lang]; text != "" {
		return text
	}
	return texts[""]
}

// message returns the translation of what another room says went wrong. Where it
// holds numbers, the catalogue has {1}, {2} for them.
func (c *catalogue) message(text string) string {
	if own := c.texts[text]; own != "" {
		return own
	}
	numbers := digits.FindAllString(text, -1)
	n := 0
	key := digits.ReplaceAllStringFunc(text, func(string) string { n++; return "{" + strconv.Itoa(n) + "}" })
	if own := c.texts[key]; own != "" {
		return c.text(key, numbers...)
	}
	return text
}

var digits = regexp.MustCompile(`[0-9]+`)

// text returns a translation with names for {1}, {2}.
func (c *catalogue) text(text string, names ...string) string {
	var b strings.Builder
	for _, piece := range pieces(c.original(text), names, part{}) {
		b.WriteString(piece.Text)
	}
	return b.String()
}

// part is a piece of a sentence. The templates write it: nothing is put into a page
// that html/template has not escaped.
type part struct {
	Text string
	Name bool // a name: in bold
	Code bool // as a program writes it
}

// pieces cuts a sentence at its placeholders; as says how the names are shown.
func pieces(text string, names []string, as part) []part {
	var list []part
	for {
		before, rest, ok := strings.Cut(text, "{")
		number, after, closed := strings.Cut(rest, "}")
		n, err := strconv.Atoi(number)
		if !ok || !closed || err != nil || n < 1 || n > len(names) {
			return append(list, part{Text: text})
		}
		as.Text = names[n-1]
		list = append(list, part{Text: before}, as)
		text = after
	}
}

// functions are what the templates call, in one language.
func (c *catalogue) functions() template.FuncMap {
	sentence := func(as part) func(string, ...string) []part {
		return func(text string, names ...string) []part { return pieces(c.original(text), names, as) }
	}
	return template.FuncMap{
		"t":       c.original,
		"own":     c.own,
		"message": c.message,
		"say":     sentence(part{Name: true}),
		"code":    sentence(part{Code: true}),
		"plain":   sentence(part{}),
		"words": func(name string) string {
			if text := common[name]; text != "" {
				return c.original(text)
			}
			return words(name)
		},
	}
}

type localesKey struct{}

// WithLocales says which languages a request is to be answered in, as ui_locales
// lists them (OpenID Connect Core §3.1.2.1); empty changes nothing.
func WithLocales(r *http.Request, locales string) *http.Request {
	if locales == "" {
		return r
	}
	return r.WithContext(context.WithValue(r.Context(), localesKey{}, cutLocales(locales)))
}

// Locales returns what a request lists as ui_locales: in its address, in a page's
// form, or by WithLocales.
func Locales(r *http.Request) string {
	if said, ok := r.Context().Value(localesKey{}).(string); ok {
		return said
	}
	if said := r.URL.Query().Get("ui_locales"); said != "" {
		return cutLocales(said)
	}
	return cutLocales(r.PostForm.Get("ui_locales"))
}

func cutLocales(text string) string { return text[:min(len(text), maxLocales)] }

// language returns the first language of ours that the request asks for: what it
// lists itself, or what the browser prefers.
func language(r *http.Request) string {
	for _, tag := range strings.Fields(Locales(r)) {
		if lang := known(tag); lang != "" {
			return lang
		}
	}
	accept := cutLocales(r.Header.Get("Accept-Language"))
	for _, tag := range preferred(accept) {
		if lang := known(tag); lang != "" {
			return lang
		}
	}
	return Languages[0]
}

// known returns the language of a tag (RFC 5646) when the pages have it: de for
// de-CH.
func known(tag string) string {
	primary, _, _ := strings.Cut(strings.ToLower(tag), "-")
	if slices.Contains(Languages, primary) {
		return primary
	}
	return ""
}

// preferred returns the tags of an Accept-Language header, the dearest first (RFC
// 9110 §12.5.4). What cannot be read is left out.
func preferred(header string) []string {
	type wish struct {
		tag    string
		weight float64
	}
	var wishes []wish
	for item := range strings.SplitSeq(header, ",") {
		tag, parameter, weighed := strings.Cut(item, ";")
		w := wish{strings.TrimSpace(tag), 1}
		if weighed {
			q, err := strconv.ParseFloat(strings.TrimPrefix(strings.TrimSpace(parameter), "q="), 64)
			if err != nil || !(q > 0 && q <= 1) {
				continue
			}
			w.weight = q
		}
		wishes = append(wishes, w)
	}
	slices.SortStableFunc(wishes, func(a, b wish) int { return cmp.Compare(b.weight, a.weight) })
	tags := make([]string, len(wishes))
	for i := range wishes {
		tags[i] = wishes[i].tag
	}
	return tags
}
