// The parts of a message's way, each by itself, in time and allocated bytes:
// dotnet run -c Release --project tests/EmbeddedMq.Benchmarks -- --filter '*' [--job short] [--inProcess]
using BenchmarkDotNet.Running;

BenchmarkSwitcher.FromAssembly(typeof(Program).Assembly).Run(args);
