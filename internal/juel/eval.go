package juel

import (
	"errors"
	"fmt"
	"strings"
)

// run is one evaluation.
type run struct {
	expression *Expression
	scope      Scope
	left       int // steps that may still be made
}

// spend takes steps off the budget.
func (r *run) spend(steps int) error {
	if r.left -= steps; r.left < 0 {
		return fmt.Errorf("it takes more than %d steps: %w", MaxSteps, ErrLimit)
	}
	return nil
}

// fail says where in the expression an error happened; the innermost place counts.
func (r *run) fail(n *node, err error) error {
	var known *EvalError
	if errors.As(err, &known) && known.Expression == r.expression.text {
		return err
	}
	return &EvalError{Expression: r.expression.text, Position: position(r.expression.text, n.offset), Cause: err}
}

func (r *run) eval(n *node) (any, error) {
	if err := r.spend(1); err != nil {
		return nil, r.fail(n, err)
	}
	value, err := r.value(n)
	if err != nil {
		return nil, r.fail(n, err)
	}
	return value, nil
}

func (r *run) value(n *node) (any, error) {
	switch n.kind {
	case kindText, kindLiteral:
		return n.value, nil
	case kindIdentifier:
		return r.lookup(n.name)
	case kindComposite:
		return r.composite(n)
	case kindMember:
		return r.member(n)
	case kindMethod:
		return r.method(n)
	case kindUnary:
		return r.unary(n)
	case kindBinary:
		return r.binary(n)
	}
	return r.choice(n)
}

func (r *run) lookup(name string) (any, error) {
	if r.scope != nil {
		if value, ok := r.scope.Lookup(name); ok {
			return normal(value), nil
		}
	}
	return nil, fmt.Errorf("%s: %w", name, ErrUnknownVariable)
}

func (r *run) composite(n *node) (any, error) {
	var out strings.Builder
	for _, kid := range n.kids {
		value, err := r.eval(kid)
		if err != nil {
			return nil, err
		}
		text, err := r.text(value)
		if err != nil {
			return nil, r.fail(kid, err)
		}
		if out.Len()+len(text) > MaxText {
			return nil, tooLong()
		}
		out.WriteString(text)
	}
	return out.String(), nil
}

// text is Text on the budget.
func (r *run) text(value any) (string, error) {
	text, err := Text(value)
	if err != nil {
		return "", err
	}
	return text, r.spend(len(text) / 64)
}

func (r *run) choice(n *node) (any, error) {
	question, err := r.eval(n.left)
	if err != nil {
		return nil, err
	}
	yes, err := Truth(question)
	if err != nil {
		return nil, err
	}
	if yes {
		return r.eval(n.kids[0])
	}
	return r.eval(n.kids[1])
}

// key returns the name or index of a member.
func (r *run) key(n *node) (any, error) {
	if n.right == nil {
		return n.name, nil
	}
	return r.eval(n.right)
}

// member reads a property. Null has all properties, and they are null.
func (r *run) member(n *node) (any, error) {
	base, err := r.eval(n.left)
	if err != nil || base == nil {
		return nil, err
	}
	if document, ok := base.(JSON); ok {
		if err := r.weigh(document); err != nil {
			return nil, err
		}
	}
	if n.right == nil {
		return Property(base, n.name)
	}
	key, err := r.eval(n.right)
	if err != nil || key == nil {
		return nil, err
	}
	return element(base, key)
}

// method calls a method. Null has all methods, and they give null; the arguments are
// not looked at then.
func (r *run) method(n *node) (any, error) {
	base, err := r.eval(n.left)
	if err != nil || base == nil {
		return nil, err
	}
	key, err := r.key(n)
	if err != nil {
		return nil, err
	}
	name, err := Text(key)
	if err != nil {
		return nil, err
	}
	args := make([]any, len(n.kids))
	for i, kid := range n.kids {
		if args[i], err = r.eval(kid); err != nil {
			return nil, err
		}
	}
	if !quick[name] {
		if err := r.weigh(base); err != nil {
			return nil, err
		}
	}
	if searching[name] && len(args) > 0 {
		if err := r.search(base, args[0]); err != nil {
			return nil, err
		}
	}
	value, err := Call(base, name, args)
	if err != nil {
		return nil, err
	}
	if text, ok := value.(string); ok {
		return value, r.spend(len(text) / 64)
	}
	return value, nil
}

func (r *run) unary(n *node) (any, error) {
	value, err := r.eval(n.left)
	if err != nil {
		return nil, err
	}
	switch n.symbol {
	case symNot:
		truth, err := Truth(value)
		return !truth, err
	case symEmpty:
		return empty(value), nil
	}
	return negate(value)
}

func (r *run) binary(n *node) (any, error) {
	left, err := r.eval(n.left)
	if err != nil {
		return nil, err
	}
	if n.symbol == symAnd || n.symbol == symOr {
		return r.logical(n, left)
	}
	right, err := r.eval(n.right)
	if err != nil {
		return nil, err
	}
	switch n.symbol {
	case symEq, symNe, symLt, symLe, symGt, symGe:
		if err := r.weighBoth(left, right); err != nil {
			return nil, err
		}
		return compare(n.symbol, left, right)
	}
	return calculate(n.symbol, left, right)
}

// logical decides && and ||; the right side is looked at only when it matters.
func (r *run) logical(n *node, left any) (any, error) {
	truth, err := Truth(left)
	if err != nil || truth == (n.symbol == symOr) {
		return truth, err
	}
	right, err := r.eval(n.right)
	if err != nil {
		return nil, err
	}
	return Truth(right)
}

// quick are the methods that do not look at all of their object.
var quick = map[string]bool{
	"get": true, "size": true, "isEmpty": true, "getOrDefault": true, "containsKey": true, "iterator": true,
	"getFirst": true, "getLast": true,
}

// searching are the methods of texts that take a regular expression.
var searching = map[string]bool{"matches": true, "replaceAll": true, "replaceFirst": true, "split": true}

// search charges for a regular expression: its time grows with the product of both
// lengths, and repeats make it as much longer as they may.
func (r *run) search(base, pattern any) error {
	s, _ := base.(string)
	p, _ := pattern.(string)
	length := len(p)
	if strings.ContainsRune(p, '{') {
		length += 1000
	}
	return r.spend(len(s) * min(length, 2*maxPattern) / 256)
}

// weigh charges for a value that the next operation looks at as a whole.
func (r *run) weigh(value any) error {
	switch value.(type) {
	case string, JSON, []any, map[string]any:
		return r.spend(weight(value, r.left, 0) - 1)
	}
	return nil
}

// weighBoth charges for a comparison; against null nothing is looked at.
func (r *run) weighBoth(left, right any) error {
	if left == nil || right == nil {
		return nil
	}
	if err := r.weigh(left); err != nil {
		return err
	}
	return r.weigh(right)
}

// weight is how many steps it takes to look at a value; it stops counting over most.
func weight(value any, most, depth int) int {
	sum := 1
	switch v := value.(type) {
	case string:
		sum += len(v) / 64
	case JSON:
		sum += len(v) / 64
	case []any:
		for i := 0; i < len(v) && sum <= most && depth < maxNesting; i++ {
			sum += weight(v[i], most-sum, depth+1)
		}
	case map[string]any:
		for _, kid := range v {
			if sum > most || depth >= maxNesting {
				break
			}
			sum += weight(kid, most-sum, depth+1)
		}
	}
	return sum
}
