module drover.example/lab/writer

go 1.22
