using EmbeddedMq.TestSupport.Servers;

[assembly: AssemblyFixture(typeof(SharedRabbitServer))]

namespace EmbeddedMq.RabbitMq.Tests;

/// <summary>A test on the shared server, with a broker and a channel of its own.</summary>
public abstract class ServerTest : IAsyncLifetime
{
    private static int _names;

    /// <summary>The server.</summary>
    protected RabbitServer Server { get; private set; } = null!;

    /// <summary>The broker.</summary>
    protected RabbitMqBroker Broker { get; private set; } = null!;

    /// <summary>A connection.</summary>
    protected IConnection Connection { get; private set; } = null!;

    /// <summary>A channel with confirms.</summary>
    protected IChannel Channel { get; private set; } = null!;

    /// <inheritdoc/>
    public async ValueTask InitializeAsync()
    {
        Server = await SharedRabbitServer.GetAsync();
        Broker = await RabbitMqBroker.StartAsync(Server.ToOptions());
        Connection = await Broker.ConnectAsync();
        Channel = await Connection.OpenChannelAsync();
    }

    /// <inheritdoc/>
    public async ValueTask DisposeAsync()
    {
        GC.SuppressFinalize(this);
        if (Broker is not null)
        {
            await Broker.DisposeAsync();
        }
    }

    /// <summary>A name that no other test uses.</summary>
    protected static string UniqueName(string stem) => $"{stem}-{Interlocked.Increment(ref _names)}";

    /// <summary>Declares a queue that goes with the connection.</summary>
    protected async Task<string> DeclareQueueAsync(Func<QueueDeclaration, QueueDeclaration>? configure = null)
        => (await Channel.DeclareQueueAsync(UniqueName("q"), q => (configure is null ? q : configure(q)).Exclusive())).Name;
}
