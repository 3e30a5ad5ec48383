module sealwatch/lab/bench

go 1.26.0
