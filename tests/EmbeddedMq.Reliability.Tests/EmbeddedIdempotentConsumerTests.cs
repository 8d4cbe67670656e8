namespace EmbeddedMq.Reliability.Tests;

/// <summary>Consumers that remember in a data directory beside the broker that delivers.</summary>
public sealed class EmbeddedIdempotentConsumerTests : IdempotentConsumerContract
{
    private readonly string _directory = Directory.CreateTempSubdirectory("embeddedmq-").FullName;
    private Broker? _broker;

    /// <inheritdoc/>
    public override async ValueTask DisposeAsync()
    {
        await base.DisposeAsync();
        if (_broker is not null)
        {
            await _broker.DisposeAsync();
        }

        Directory.Delete(_directory, recursive: true);
    }

    /// <inheritdoc/>
    protected override async ValueTask<IIdempotenceStore> CreateAsync()
    {
        _broker = await Broker.StartAsync(new BrokerOptions { DataDirectory = _directory });
        return ((IBrokerStores)_broker).Idempotence;
    }
}
