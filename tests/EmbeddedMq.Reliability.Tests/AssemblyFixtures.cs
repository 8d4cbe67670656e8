using EmbeddedMq.TestSupport.Servers;

[assembly: AssemblyFixture(typeof(SharedRabbitServer))]
