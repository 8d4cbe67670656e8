Console.WriteLine("EmbeddedMq");
