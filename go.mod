module github.com/whoql/whoql

go 1.26.0
