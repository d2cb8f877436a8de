// Package dmn reads decision tables and decides by them: DMN 1.1 XML, and the JSON
// of APS's decision table editor. Everything that is wrong with a table is found
// when it is read, with its place; a decision tells for each rule and cell what it
// found.
//
// Cells are written as Activiti 6 has them: an operator and a value (== "gold",
// > 5, <= fn_date('2016-01-01')), a method (.startsWith('A')), contains, a list
// (IN ("a", "b")), an expression (${…}); also S-FEEL's lists, ranges and not(…).
// Empty and - match everything. Values are those of juel.
//
// It knows no process and no database. The time of a decision is the caller's.
package dmn
