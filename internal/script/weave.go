package script

import (
	"reflect"
	"strconv"

	"github.com/dop251/goja/ast"
	"github.com/dop251/goja/file"
	js "github.com/dop251/goja/token"
	"github.com/dop251/goja/unistring"
)

const (
	// textGuard is the function that every sum and every part of a template goes
	// through. No script can write its name, or give another thing that name.
	textGuard = " text"
	fewGuard  = " few"  // the same for what is taken apart at once
	listGuard = " list" // the same for what is gone through at once

	maxTree     = 1000 // how deep a script may lie in itself, in JavaScript
	shortEnough = 256  // a text that long, added again and again, takes more time than memory
)

// weaver puts calls of textGuard around what builds texts without calling anything:
// goja itself bounds neither memory nor texts.
type weaver struct {
	seen    map[any]bool // the parser lets declarations lie in two places
	problem func(at file.Idx, message string)
	depth   int
	names   map[string]bool // every name that stands alone
	global  bool            // the global object may be had as a value
}

// weave changes a script that was read. problem is told where it cannot be run.
func weave(tree *ast.Program, problem func(at file.Idx, message string)) *weaver {
	w := &weaver{seen: map[any]bool{}, problem: problem, names: map[string]bool{}}
	w.walk(reflect.ValueOf(tree.Body), 0)
	return w
}

func (w *weaver) walk(v reflect.Value, at file.Idx) {
	if w.depth > maxTree {
		return
	}
	switch v.Kind() {
	case reflect.Interface:
		if v.IsNil() {
			return
		}
		w.walk(v.Elem(), at)
		if e, ok := v.Interface().(ast.Expression); ok && builds(e) {
			v.Set(reflect.ValueOf(guarded(textGuard, e, 1)))
		}
	case reflect.Pointer:
		w.node(v, at)
	case reflect.Struct:
		for i := range v.NumField() {
			w.walk(v.Field(i), at)
		}
	case reflect.Slice:
		for i := range v.Len() {
			w.walk(v.Index(i), at)
		}
	}
}

// node goes into what a pointer leads to, once.
func (w *weaver) node(v reflect.Value, at file.Idx) {
	if v.IsNil() || w.seen[v.Interface()] {
		return
	}
	w.seen[v.Interface()] = true
	if w.depth++; w.depth > maxTree {
		w.problem(at, "the script lies more than "+strconv.Itoa(maxTree)+" deep in itself")
		return
	}
	switch n := v.Interface().(type) {
	case *ast.WithStatement:
		w.problem(n.With, "with is not supported")
	case *ast.RegExpLiteral:
		if at = n.Idx; len(n.Pattern) > maxPattern {
			w.problem(at, "the regular expression has more than "+strconv.Itoa(maxPattern)+" characters")
		}
	case *ast.ObjectPattern:
		if at = n.LeftBrace; n.Rest != nil {
			w.problem(at, "the rest of an object's members is not supported")
		}
	case *ast.ArrayPattern:
		if at = n.LeftBracket; n.Rest != nil {
			w.problem(at, "the rest of a list's items is not supported")
		}
	case *ast.ForInStatement:
		defer func() { n.Source = guarded(fewGuard, n.Source, 1) }()
	case *ast.ObjectLiteral:
		for _, property := range n.Value {
			if spread, ok := property.(*ast.SpreadElement); ok {
				w.seen[spread] = true // members are copied, not items
				w.walk(reflect.ValueOf(&spread.Expression).Elem(), at)
				spread.Expression = guarded(fewGuard, spread.Expression, 1)
			}
		}
	case *ast.SpreadElement:
		defer func() { n.Expression = guarded(listGuard, n.Expression, 1) }()
	case *ast.TemplateLiteral:
		at = n.OpenQuote
		w.walk(v.Elem(), at)
		for i := range n.Expressions {
			if n.Tag == nil {
				n.Expressions[i] = guarded(textGuard, n.Expressions[i], len(n.Expressions))
			}
		}
		w.depth--
		return
	case *ast.ThisExpression:
		w.global = true
	case *ast.Identifier:
		at = n.Idx
		w.names[n.Name.String()] = true
	}
	w.walk(v.Elem(), at)
	w.depth--
}

// builds reports whether an expression adds what may both be long texts.
func builds(e ast.Expression) bool {
	switch e := e.(type) {
	case *ast.BinaryExpression:
		return e.Operator == js.PLUS && !short(e.Left) && !short(e.Right)
	case *ast.AssignExpression:
		return e.Operator == js.PLUS && !short(e.Right)
	}
	return false
}

func short(e ast.Expression) bool {
	switch e := e.(type) {
	case *ast.NumberLiteral, *ast.BooleanLiteral, *ast.NullLiteral:
		return true
	case *ast.StringLiteral:
		return len(e.Value) <= shortEnough
	}
	return false
}

// guarded hands a value to a guard. parts is in how many pieces a template is.
func guarded(guard unistring.String, e ast.Expression, parts int) ast.Expression {
	at := e.Idx0()
	args := []ast.Expression{e}
	if parts > 1 {
		args = append(args, &ast.NumberLiteral{Idx: at, Literal: strconv.Itoa(parts), Value: int64(parts)})
	}
	return &ast.CallExpression{Callee: &ast.Identifier{Name: guard, Idx: at}, LeftParenthesis: at, ArgumentList: args, RightParenthesis: at}
}
