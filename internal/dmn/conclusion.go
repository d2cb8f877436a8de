package dmn

import (
	"fmt"
	"strings"

	"github.com/sluicehq/sluice/internal/juel"
)

// conclusion is what an output cell says.
type conclusion struct {
	whole *juel.Expression
	parts []*juel.Expression // what + stands between, in a column of texts; else none
}

// compileOutput makes a conclusion of an output cell, nil when it is empty. In a
// column of texts + joins texts, as in Activiti's cells; JUEL's + adds numbers only.
func compileOutput(text string, kind Type) (*conclusion, error) {
	whole, err := compileValue(text, kind)
	if err != nil || whole == nil {
		return nil, err
	}
	c := &conclusion{whole: whole}
	if kind == String || kind == Unknown {
		c.parts = summands(text)
	}
	return c, nil
}

// summands are the parts of a sum; none when the cell is none, or more than one.
func summands(text string) []*juel.Expression {
	if isExpression(strings.TrimSpace(text)) {
		return nil
	}
	var parts []*juel.Expression
	begin, depth := 0, 0
	for i := 0; i <= len(text); i++ {
		c := byte('+')
		if i < len(text) {
			c = text[i]
		}
		switch {
		case c == '"' || c == '\'':
			i = stringEnd(text, i)
		case strings.IndexByte("([{", c) >= 0:
			depth++
		case strings.IndexByte(")]}", c) >= 0:
			depth--
		case depth == 0 && strings.IndexByte("?:<>=!&|", c) >= 0:
			return nil
		case depth == 0 && c == '+':
			part, err := compileValue(text[begin:min(i, len(text))], Unknown)
			if err != nil || part == nil {
				return nil
			}
			parts = append(parts, part)
			begin = i + 1
		}
	}
	if len(parts) < 2 {
		return nil
	}
	return parts
}

// eval adds numbers, and joins from the first text on.
func (c *conclusion) eval(scope juel.Scope) (any, error) {
	if c.parts == nil {
		return c.whole.Eval(scope)
	}
	total, err := c.parts[0].Eval(scope)
	for _, part := range c.parts[1:] {
		if err != nil {
			return nil, err
		}
		var value any
		if value, err = part.Eval(scope); err == nil {
			total, err = join(total, value)
		}
	}
	return total, err
}

// sum is the operator + of expressions.
var sum = mustParse("${a + b}")

func join(a, b any) (any, error) {
	_, left := a.(string)
	_, right := b.(string)
	if !left && !right {
		return sum.Eval(names{"a": a, "b": b})
	}
	before, err := juel.Text(a)
	if err != nil {
		return nil, err
	}
	after, err := juel.Text(b)
	if err != nil {
		return nil, err
	}
	if len(before)+len(after) > juel.MaxText {
		return nil, fmt.Errorf("the text would be longer than %d bytes: %w", juel.MaxText, juel.ErrLimit)
	}
	return before + after, nil
}
