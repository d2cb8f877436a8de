package juel_test

import (
	"errors"
	"strings"
	"testing"

	"github.com/sluicehq/sluice/internal/juel"
)

// TestSyntaxErrors: what is wrong, and where, in characters from 0.
func TestSyntaxErrors(t *testing.T) {
	t.Parallel()
	for text, want := range map[string]struct {
		position int
		says     string
	}{
		"${0x10}":                   {3, "“x10” does not belong here"},
		"${i + }":                   {6, "“}” does not belong here"},
		"${":                        {2, "ends too early"},
		"${i":                       {3, "ends too early"},
		"${}":                       {2, "a value"},
		"${i i}":                    {4, "an operator or }"},
		"${i += 1}":                 {5, "“=” has no meaning"},
		"${x -> x}":                 {5, "“>” does not belong here"},
		"${i = 1}":                  {4, "“=” has no meaning"},
		"${a & b}":                  {4, "“&” has no meaning"},
		"${'abc}":                   {2, "no end"},
		`${'a\nb'}`:                 {4, "backslash"},
		`${'\`:                      {3, "backslash"},
		"${s.}":                     {4, "name of a property"},
		"${s.empty}":                {4, "name of a property"},
		"${list[}":                  {7, "a value"},
		"${list[1}":                 {8, "“]”"},
		"${s.concat('a'}":           {14, "“,” or “)”"},
		"${s.concat('a' 'b')}":      {15, "“,” or “)”"},
		"${s.concat(,)}":            {11, "a value"},
		"${(i}":                     {4, "“)”"},
		"${t ? 1}":                  {7, "“:”"},
		"${t ? 1 :}":                {9, "a value"},
		"${ns:foo(1)}":              {2, "no functions"},
		"${foo(1)}":                 {2, "no functions"},
		"${a instanceof b}":         {4, "an operator or }"},
		"${99999999999999999999}":   {2, "64 bits"},
		"${a} #{b}":                 {5, "cannot be mixed"},
		"äöü ${i + }":               {10, "“}” does not belong here"},
		"${😀}":                      {2, "has no meaning"},
		"${i}} ${i":                 {9, "ends too early"},
		"${a\xff}":                  {3, "has no meaning"},
		"${[1, 2]}":                 {2, "a value"},
		"${a ? b : c(1)}":           {6, "no functions"},
		"${execution.getVariable(}": {24, "a value"},
		"${not}":                    {5, "a value"},
	} {
		_, err := juel.Parse(text)
		var syntax *juel.SyntaxError
		if !errors.As(err, &syntax) {
			t.Errorf("%s: %v, want a syntax error", text, err)
			continue
		}
		if syntax.Position != want.position || !strings.Contains(syntax.Message, want.says) || syntax.Text != text {
			t.Errorf("%s: at %d %q, want at %d %q", text, syntax.Position, syntax.Message, want.position, want.says)
		}
	}
}

// TestEvalErrors: which part failed, and why.
func TestEvalErrors(t *testing.T) {
	t.Parallel()
	for text, want := range map[string]struct {
		position int
		says     string
	}{
		"${s + s}":                   {4, "not a whole number"},
		"${'1.x' + 1}":               {8, "not a number"},
		"${s < 1}":                   {4, "not a whole number"},
		"${'1,5' * 2.0}":             {8, "not a number"},
		"${t + 1}":                   {4, "a Boolean cannot be used as a whole number"},
		"${1 % 0}":                   {4, "division by zero"},
		"${-list}":                   {2, "cannot be negated"},
		"${-'x'}":                    {2, "not a whole number"},
		"${undefinedVar}":            {2, "undefinedVar: there is no variable"},
		"${undefinedVar.x}":          {2, "undefinedVar: there is no variable"},
		"${empty undefinedVar}":      {8, "there is no variable"},
		"ab ${i} ${undefinedVar}":    {10, "there is no variable"},
		"${i ? 1 : 2}":               {4, "an Integer cannot be used as a Boolean"},
		"${not 1}":                   {2, "a Long cannot be used as a Boolean"},
		"${t && list}":               {4, "a List cannot be used as a Boolean"},
		"${s.concat(nul)}":           {4, "is null"},
		"${list.size}":               {7, "by number only"},
		"${list['a']}":               {6, "by number only"},
		"${list[map]}":               {6, "by number only"},
		"${list.get(9)}":             {7, "outside"},
		"${list.get(-1)}":            {7, "outside"},
		"${list.get('x')}":           {7, "not a whole number"},
		"${list.subList(2, 1)}":      {7, "outside"},
		"${s.charAt(3)}":             {4, "outside"},
		"${s.substring(4)}":          {4, "outside"},
		"${s.substring(2, 1)}":       {4, "outside"},
		"${s.substring(-1)}":         {4, "outside"},
		"${s.substring(4294967297)}": {4, "32 bits"},
		"${s.repeat(-1)}":            {4, "less than 0"},
		"${s.matches('(')}":          {4, "regular expression"},
		"${s.matches('a)|(b')}":      {4, "regular expression"},
		"${s.split('(?<=a)')}":       {4, "look-around"},
		"${s.replaceAll('a', '$1')}": {4, "names a group"},
		"${s.replaceAll('a', '$')}":  {4, "single"},
		"${list < elist}":            {7, "have no order"},
		"${t < list}":                {4, "have no order"},
		"${date < 5}":                {7, "a Date cannot be used as a whole number"},
		"${date.before(5)}":          {7, "with a date only"},
		"${i.compareTo(nul)}":        {4, "takes a number"},
		"${execution.fail()}":        {12, "the outside is down"},
		"${execution}!":              {2, "no text"},
		"${list.containsAll(1)}":     {7, "takes a list"},
		"${elist.iterator().next()}": {19, "no next element"},
		"${odd.x}":                   {6, "no such property"},
		"${odd}!":                    {2, "no text"},
	} {
		scope := modeller()
		scope["odd"] = struct{ Secret string }{"hunter2"}
		_, err := evaluate(text, scope)
		var failed *juel.EvalError
		if !errors.As(err, &failed) {
			t.Errorf("%s: %v, want an evaluation error", text, err)
			continue
		}
		if failed.Position != want.position || !strings.Contains(failed.Cause.Error(), want.says) || failed.Expression != text {
			t.Errorf("%s: at %d %q, want at %d %q", text, failed.Position, failed.Cause, want.position, want.says)
		}
		if !strings.Contains(err.Error(), "evaluating expression") || strings.Contains(err.Error(), "hunter2") {
			t.Errorf("%s: %v", text, err)
		}
	}
}

// Errors go into logs and incidents: they must not carry what variables hold.
func TestErrorsDoNotShowValues(t *testing.T) {
	t.Parallel()
	scope := variables{"secret": "hunter2", "m": map[string]any{"k": "hunter2"}}
	for _, text := range []string{"${secret + 1}", "${secret ? 1 : 2 + secret}", "${-secret}", "${m + 1}", "${secret.nothing}", "${secret.nothing()}", "${secret.charAt(99)}", "${''.matches(secret.concat('('))}", "${m.k < 5}"} {
		_, err := evaluate(text, scope)
		if err == nil || strings.Contains(err.Error(), "hunter2") {
			t.Errorf("%s: %v", text, err)
		}
	}
}
