module otelue.test/counter

go 1.19
