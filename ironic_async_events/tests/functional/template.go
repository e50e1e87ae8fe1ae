// SPDX-License-Identifier: Apache-2.0

// Render a template as Helm and the operators do, with the few functions of
// theirs that are needed. Usage: go run template.go NAME FILE... < values.json
package main

import (
	"bytes"
	"encoding/json"
	"log"
	"os"
	"reflect"
	"text/template"
)

func main() {
	root := template.New("")
	root.Funcs(template.FuncMap{
		"include": func(name string, values interface{}) (string, error) {
			var written bytes.Buffer
			err := root.ExecuteTemplate(&written, name, values)
			return written.String(), err
		},
		"kindIs": func(kind string, value interface{}) bool {
			return reflect.ValueOf(value).Kind().String() == kind
		},
		"dict": func(pairs ...interface{}) map[string]interface{} {
			made := map[string]interface{}{}
			for i := 0; i+1 < len(pairs); i += 2 {
				made[pairs[i].(string)] = pairs[i+1]
			}
			return made
		},
		"set": func(made map[string]interface{}, key string, value interface{}) map[string]interface{} {
			made[key] = value
			return made
		},
	})
	template.Must(root.ParseFiles(os.Args[2:]...))
	var values interface{}
	if err := json.NewDecoder(os.Stdin).Decode(&values); err != nil {
		log.Fatal(err)
	}
	if err := root.ExecuteTemplate(os.Stdout, os.Args[1], values); err != nil {
		log.Fatal(err)
	}
}
