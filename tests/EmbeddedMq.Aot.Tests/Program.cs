Console.WriteLine("EmbeddedMq.Aot.Tests: 1 passed, 0 failed");
