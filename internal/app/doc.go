// Package app reads what people deploy: an application as Alfresco Process Services
// exports it, a directory of the same files, an Activiti archive of BPMN files (.bar)
// and a BPMN file alone.
//
// It sorts files by what they are and keeps their bytes as they came; what stands in
// them is read by the rooms of BPMN, forms and decision tables. An archive comes from
// strangers: how much it may unpack to, how many files it may hold and how they may be
// called is bounded, and everything that is wrong is told at once.
//
// It serves no URL, knows no database, and must not know what a process does.
package app
