package script

import (
	"strconv"
	"strings"

	"github.com/dop251/goja"
)

const (
	maxSplit   = 1_000_000 // characters of a text that is searched or cut into pieces
	maxPattern = 2000      // characters of a regular expression
)

// restrictPatterns bounds how many pieces regular expressions make, and the texts
// that they put in.
func (h *host) restrictPatterns(global, texts *goja.Object) {
	patterns := prototypeOf(global, "RegExp")
	_ = patterns.Delete("compile")
	h.wrap(global, "RegExp", func(args []goja.Value) []goja.Value {
		h.patternSize(goja.FunctionCall{Arguments: args}.Argument(0))
		return args
	})
	for _, name := range []string{"match", "matchAll", "search", "split"} {
		h.bound(texts, name, maxSplit, func(call goja.FunctionCall) float64 {
			h.patternSize(call.Argument(0))
			return units(call.This)
		})
	}
	for _, name := range []string{"replace", "replaceAll"} {
		replace, _ := goja.AssertFunction(texts.Get(name))
		h.native(texts, name, func(call goja.FunctionCall) goja.Value { return h.replaceWith(replace, call) })
	}
	h.restrictSymbols(patterns)
}

// patternSize refuses what would be too long a regular expression.
func (h *host) patternSize(v goja.Value) {
	if o, ok := v.(*goja.Object); ok && o.ClassName() != "RegExp" {
		v = o.ToString()
	}
	if units(v) > maxPattern {
		h.throw(tooMuch("a regular expression has more than %d characters", maxPattern))
	}
}

// restrictSymbols does the same for the methods that are named by symbols.
func (h *host) restrictSymbols(patterns *goja.Object) {
	replace, _ := goja.AssertFunction(patterns.GetSymbol(goja.SymReplace))
	_ = patterns.DefineDataPropertySymbol(goja.SymReplace, h.rt.ToValue(func(call goja.FunctionCall) goja.Value {
		return h.replaceWith(replace, call)
	}), goja.FLAG_TRUE, goja.FLAG_TRUE, goja.FLAG_FALSE)
	for _, symbol := range []*goja.Symbol{goja.SymMatch, goja.SymSplit} {
		original, _ := goja.AssertFunction(patterns.GetSymbol(symbol))
		_ = patterns.DefineDataPropertySymbol(symbol, h.rt.ToValue(func(call goja.FunctionCall) goja.Value {
			defer h.enter()()
			if units(call.Argument(0)) > maxSplit {
				h.throw(tooMuch("a text of more than %d characters would be cut into pieces", maxSplit))
			}
			return h.must(original(call.This, call.Arguments...))
		}), goja.FLAG_TRUE, goja.FLAG_TRUE, goja.FLAG_FALSE)
	}
}

// replaceWith calls a replacing built-in with a function that counts what it puts in.
func (h *host) replaceWith(replace goja.Callable, call goja.FunctionCall) goja.Value {
	defer h.enter()()
	args := []goja.Value{call.Argument(0), call.Argument(1)}
	with, isFunction := goja.AssertFunction(args[1])
	pattern := ""
	if !isFunction {
		pattern = args[1].ToString().String()
	}
	size := 0
	args[1] = h.rt.ToValue(func(found goja.FunctionCall) goja.Value {
		if err := h.over(); err != nil {
			h.throw(err)
		}
		var v goja.Value
		if isFunction {
			v = h.must(with(goja.Undefined(), found.Arguments...)).ToString()
		} else {
			v = h.substitute(pattern, found.Arguments)
		}
		if size += int(units(v)); size > maxLength {
			h.throw(tooMuch("replace would make more than %d characters", maxLength))
		}
		return v
	})
	return h.must(replace(call.This, args...))
}

// substitute is what a pattern with $1 and the like puts in for what was found. found
// are the match, its groups, its place, the whole text and, when there are some, the
// named groups.
func (h *host) substitute(pattern string, found []goja.Value) goja.Value {
	end := len(found)
	named, _ := found[end-1].(*goja.Object)
	if named != nil {
		end--
	}
	whole := found[end-1].ToString().(goja.String)
	at := int(found[end-2].ToInteger())
	groups := found[:end-2]
	t := h.newText()
	for {
		before, after, more := strings.Cut(pattern, "$")
		t.room(len(before))
		t.WriteUTF8String(before)
		if !more {
			return t.String()
		}
		switch {
		case strings.HasPrefix(after, "$"):
			t.WriteRune('$')
		case strings.HasPrefix(after, "&"):
			t.add(found[0])
		case strings.HasPrefix(after, "`"):
			t.add(whole.Substring(0, at))
		case strings.HasPrefix(after, "'"):
			t.add(whole.Substring(min(at+int(units(found[0])), whole.Length()), whole.Length()))
		default:
			pattern = t.group(after, groups, named)
			continue
		}
		pattern = after[1:]
	}
}

// group adds the group whose number or name stands behind a $, and returns what
// follows. What names no group stands for itself.
func (b *builder) group(after string, groups []goja.Value, named *goja.Object) string {
	if name, rest, ok := strings.Cut(strings.TrimPrefix(after, "<"), ">"); ok && named != nil && after[0] == '<' {
		if v := named.Get(name); v != nil && !goja.IsUndefined(v) {
			b.add(v)
		}
		return rest
	}
	for digits := 2; digits > 0; digits-- {
		if len(after) < digits {
			continue
		}
		n, err := strconv.ParseUint(after[:digits], 10, 8)
		if err == nil && n > 0 && int(n) < len(groups) {
			if v := groups[n]; !goja.IsUndefined(v) {
				b.add(v)
			}
			return after[digits:]
		}
	}
	b.WriteRune('$')
	return after
}
