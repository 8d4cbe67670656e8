using System.Data.Common;
using EmbeddedMq.TestSupport;
using Microsoft.Data.Sqlite;
using Microsoft.Extensions.DependencyInjection;

namespace EmbeddedMq.Reliability.Tests.Checks;

/// <summary>A checked message that is sent through an outbox in SQL, and whose confirmation is part of its completion.</summary>
public sealed class CheckCompletionTests : IAsyncLifetime
{
    private const string Id = "1";

    private readonly string _directory = Directory.CreateTempSubdirectory("embeddedmq-").FullName;
    private readonly ServiceProvider _services = new ServiceCollection().AddScoped<SqlMessageTransaction>().BuildServiceProvider();
    private int _calls;
    private Broker _broker = null!;
    private DbDataSource _source = null!;
    private SqlOutboxStore _outbox = null!;

    private static CancellationToken Token => TestContext.Current.CancellationToken;

    public async ValueTask InitializeAsync()
    {
        _broker = await Broker.StartAsync(new BrokerOptions { DataDirectory = Path.Combine(_directory, "broker") }, Token);
        _source = SqliteFactory.Instance.CreateDataSource($"Data Source={Path.Combine(_directory, "outbox.db")};Pooling=False");
        _outbox = new SqlOutboxStore(_source, new SqlOutboxOptions { CreateTables = true });
    }

    public async ValueTask DisposeAsync()
    {
        await _broker.DisposeAsync();
        await _source.DisposeAsync();
        await _services.DisposeAsync();
        Directory.Delete(_directory, recursive: true);
    }

    [Fact]
    public async Task Processed_WithTheEmbeddedStore_IsConfirmedToTheService()
    {
        await using MessageBus bus = await StartAsync(_ => _broker.Idempotence, hasService: true);

        await bus.Outbox.AddAsync("hello", new PublishOptions { MessageId = Id }, cancellationToken: Token);

        await UntilProcessedAsync(_broker.Idempotence, "checks");
        Assert.Equal(IdempotenceState.Processed, (await _broker.Idempotence.FindAsync("work", Id, Token))?.State);
        Assert.Equal(1, _calls);
    }

    [Fact]
    public async Task Processed_WithASqlStore_IsConfirmedThroughItsOutbox()
    {
        SqlIdempotenceStore store = new(_source, new SqlIdempotenceOptions { CreateTables = true, Outbox = _outbox });
        await using MessageBus bus = await StartAsync(_ => store, hasService: true);

        await bus.Outbox.AddAsync("hello", new PublishOptions { MessageId = Id }, cancellationToken: Token);

        await UntilProcessedAsync(store, "checks");
        Assert.Equal(IdempotenceState.Processed, (await store.FindAsync("work", Id, Token))?.State);
        Assert.Equal(1, _calls);
    }

    /// <summary>While there is no room for the confirmation, there is neither mark nor acknowledgement.</summary>
    [Fact]
    public async Task Confirmation_ThatIsRefused_LeavesNothingOfTheCompletion()
    {
        IChannel channel = await (await _broker.ConnectAsync(cancellationToken: Token)).OpenChannelAsync(cancellationToken: Token);
        await channel.DeclareQueueAsync("checks", static q => q.Durable().MaxLength(1, Overflow.RejectPublish), Token);
        await channel.PublishAsync("", "checks", Message.Text("in the way"), cancellationToken: Token);
        await using MessageBus bus = await StartAsync(_ => _broker.Idempotence, hasService: false);

        await bus.Outbox.AddAsync("hello", new PublishOptions { MessageId = Id }, cancellationToken: Token);
        await UntilAsync(() => ValueTask.FromResult(Volatile.Read(ref _calls) > 1), "a second attempt");
        Assert.NotEqual(IdempotenceState.Processed, (await _broker.Idempotence.FindAsync("work", Id, Token))?.State);

        await channel.GetAsync("checks", autoAck: true, Token);
        await UntilProcessedAsync(_broker.Idempotence, "work");
        GetResult? confirmation = null;
        await UntilAsync(async () => (confirmation = await channel.GetAsync("checks", autoAck: true, Token)) is not null, "the confirmation");
        Assert.Equal(Id, confirmation!.Delivery.Message.Headers[MessageHeaders.CheckMessageId]);
        await bus.DisposeAsync();
        Assert.Null(await channel.GetAsync("work", cancellationToken: Token));
        Assert.Null(await channel.GetAsync("checks", cancellationToken: Token));
    }

    private ValueTask<MessageBus> StartAsync(Func<IServiceProvider, IIdempotenceStore> store, bool hasService) => MessageBus.StartAsync(
        _broker,
        mq => mq
            .Topology(static t => t.Queue("work", static q => q.Durable()))
            .Publish<string>(static p => p.ToQueue("work").Check(TimeSpan.FromHours(1)))
            .Outbox(o => o.UseStore(_ => _outbox))
            .Idempotence(i => i.UseStore(store))
            .Consume<string>(
                "work",
                (_, _, _) =>
                {
                    Interlocked.Increment(ref _calls);
                    return ValueTask.CompletedTask;
                },
                static c => c.Idempotent().ConfirmsProcessing().Retry(static r => r.Else(1_000, Backoff.Fixed(TimeSpan.FromMilliseconds(20))).WaitIn(RetryWait.Consumer)))
            .Checks(checks =>
            {
                checks.Queue("checks");
                if (hasService)
                {
                    checks.Service();
                }
            }),
        services: _services,
        cancellationToken: Token);

    private static Task UntilProcessedAsync(IIdempotenceStore store, string scope) => UntilAsync(
        async () => await store.FindAsync(scope, Id, Token) is { State: IdempotenceState.Processed }, $"the message is processed in scope '{scope}'");

    private static async Task UntilAsync(Func<ValueTask<bool>> condition, string what)
    {
        using CancellationTokenSource patience = new(BrokerFixture.Patience);
        while (!await condition())
        {
            Assert.False(patience.IsCancellationRequested, $"It did not happen: {what}.");
            await Task.Delay(TimeSpan.FromMilliseconds(5), TimeProvider.System); // the outbox's time is real
        }
    }
}
