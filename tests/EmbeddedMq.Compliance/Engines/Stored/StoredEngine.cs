using EmbeddedMq.Compliance.Embedded;

namespace EmbeddedMq.Compliance.Stored;

/// <summary>The broker of this repository with a data directory, in virtual time, one for each test: queues are durable and messages persistent
/// unless a test says otherwise.</summary>
/// <param name="durability">What confirms wait for: a sync takes its time, and is waited for only where it matters.</param>
public sealed class StoredEngine(Durability durability = Durability.OsBuffered) : EmbeddedEngine
{
    private readonly string _directory = Directory.CreateTempSubdirectory("embeddedmq-").FullName;

    /// <inheritdoc/>
    public override MessageProperties? UsualProperties => MessageProperties.Persistent;

    /// <inheritdoc/>
    public override QueueDeclaration UsualQueue(QueueDeclaration declaration) => declaration.IsExclusive ? declaration : declaration.Durable();

    /// <inheritdoc/>
    public override async ValueTask DisposeAsync()
    {
        await base.DisposeAsync();
        Directory.Delete(_directory, recursive: true);
    }

    /// <inheritdoc/>
    protected override void Configure(BrokerOptions options)
    {
        options.DataDirectory = _directory;
        options.Storage.Durability = durability;
        options.Storage.FreeSpaceWatermarkBytes = 0;
        options.Storage.ReserveBytes = 0;
    }
}
