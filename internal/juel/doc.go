// Package juel is the expression language of process definitions: the unified
// expression language (JSR 245, EL 2.2) as the interpreter JUEL reads it and
// Activiti 6 uses it. Texts as ${approved && amount > 100}, #{task.assignee} or
// "Order ${number}" are parsed once and evaluated against a Scope.
//
// It knows no process, no database and no clock. Values are Go values that stand
// for Java's:
//
//	nil             null
//	bool            Boolean
//	int32, int64    Integer, Long
//	float64         Double
//	string          String (and Character, as a text of one character)
//	time.Time       Date, shown in its own location
//	[]any           List, arrays
//	map[string]any  Map
//	JSON            a JSON variable
//	Object          whatever the engine offers: execution, task, beans
//
// There is no BigDecimal and no BigInteger. A value of any other Go type is handed
// on as it is; it has no members and no text.
//
// On purpose it differs from the original where that would be dangerous: nothing is
// reached by reflection. Each type has a fixed list of members (Property, Call);
// class, getClass and their kin are errors on everything but the keys of a map.
// Methods do not change lists and maps. A text that an expression reads is data and
// is never evaluated. Length, depth, work and the size of texts are limited.
package juel
