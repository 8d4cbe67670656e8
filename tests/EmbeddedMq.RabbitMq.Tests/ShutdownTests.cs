using System.Collections.Concurrent;
using EmbeddedMq.TestSupport;
using EmbeddedMq.TestSupport.Servers;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Hosting;

namespace EmbeddedMq.RabbitMq.Tests;

/// <summary>A server that ends connections in order, with 320: because it stops, or because its operator wants so.</summary>
/// <param name="own">A server of their own.</param>
public sealed class ShutdownTests(OwnRabbitServer own) : IClassFixture<OwnRabbitServer>
{
    private const int LostEvent = 3000;

    private static CancellationToken Token => TestContext.Current.CancellationToken;

    [Fact]
    public async Task ServerStops_WhilePublishing_RecoversAndKeepsWhatItConfirmed()
    {
        RabbitServer server = await own.GetAsync();
        using RecordingLog log = new();
        await using RabbitMqBroker broker = await StartAsync(server, log);
        await using IConnection connection = await broker.ConnectAsync(cancellationToken: Token);
        IChannel channel = await connection.OpenChannelAsync(cancellationToken: Token);
        await channel.DeclareQueueAsync("stopped", q => q.Durable(), Token);
        using CancellationTokenSource stop = new();
        ConcurrentDictionary<string, bool> confirmed = new();
        ConcurrentBag<EmbeddedMqException> errors = [];
        TaskCompletionSource some = new(TaskCreationOptions.RunContinuationsAsynchronously);
        Task publishes = Task.WhenAll(Enumerable.Range(0, 8).Select(worker => Task.Run(async () =>
        {
            for (int i = 0; !stop.IsCancellationRequested; i++)
            {
                try
                {
                    await channel.PublishAsync("", "stopped", Message.Text($"{worker}-{i}", MessageProperties.Persistent), PublishFlags.Mandatory, CancellationToken.None);
                    confirmed[$"{worker}-{i}"] = true;
                    if (confirmed.Count > 200)
                    {
                        some.TrySetResult();
                    }
                }
                catch (ConnectionException error)
                {
                    errors.Add(error);
                }
            }
        })));
        await some.Task.WithinPatienceAsync("the first confirms");
        await server.ControlAsync("stop_app");
        int atStop = confirmed.Count;
        await server.ControlAsync("start_app");
        await Patiently.UntilAsync(() => confirmed.Count >= atStop + 200, "confirms after the stop");
        Assert.True(connection.IsOpen);
        await stop.CancelAsync();
        await publishes.WithinPatienceAsync("the last confirms");
        Assert.Contains(log.WithId(LostEvent), static entry => entry.Text.Contains("'shutdown'", StringComparison.Ordinal));

        // There are none where the server confirmed all that was on its way before it closed the connection.
        Assert.All(errors, static error => Assert.True(error.IsTransient, error.Message));
        HashSet<string> kept = [];
        while (await channel.GetAsync("stopped", autoAck: true, Token) is { } got)
        {
            kept.Add(got.Delivery.Message.GetText());
        }

        Assert.Empty(confirmed.Keys.Except(kept));
    }

    [Fact]
    public async Task Operator_ClosesTheConnection_EndsItForGoodWithHisWords()
    {
        RabbitServer server = await own.GetAsync();
        await using RabbitMqBroker broker = await StartAsync(server);
        await using IConnection connection = await broker.ConnectAsync(cancellationToken: Token);
        IChannel channel = await connection.OpenChannelAsync(cancellationToken: Token);
        await server.ControlAsync("close_all_connections", "maintenance at noon");
        CloseReason expected = new(CloseInitiator.Broker, ReplyCode.ConnectionForced, "CONNECTION_FORCED - maintenance at noon");
        Assert.Equal(expected, await connection.Closed.WithinPatienceAsync("the end of the connection"));
        Assert.Equal(expected, await channel.Closed.WithinPatienceAsync("the end of the channel"));
        ConnectionException error = await Assert.ThrowsAsync<ConnectionException>(async () => await channel.PublishAsync("", "q", Message.Text("x"), cancellationToken: Token));
        Assert.Equal((expected.ReplyCode, expected.ReplyText), (error.ReplyCode, error.ReplyText));
        await using IConnection next = await broker.ConnectAsync(cancellationToken: Token);
        Assert.True(next.IsOpen);
    }

    [Fact]
    public async Task Operator_ClosesTheConnections_TypedLayerGoesOnOnOthers()
    {
        RabbitServer server = await own.GetAsync();
        ConcurrentQueue<string> handled = new();
        using IHost host = new HostBuilder()
            .ConfigureServices(services => services.AddEmbeddedMq(mq => mq
                .UseRabbitMq(server.Uri, RabbitServer.BePatient)
                .Topology(static t => t.Queue("reopened", static q => q.Durable()))
                .Publish<Note>(static p => p.ToQueue("reopened"))
                .Consume<Note>("reopened", (note, _, _) =>
                {
                    handled.Enqueue(note.Text);
                    return ValueTask.CompletedTask;
                })))
            .Build();
        await host.StartAsync(Token);
        IPublisher publisher = host.Services.GetRequiredService<IPublisher>();
        await publisher.PublishAsync(new Note("before"), cancellationToken: Token);
        await Patiently.UntilAsync(() => handled.Contains("before"), "the note before");
        await server.ControlAsync("close_all_connections", "maintenance at noon");
        await Patiently.UntilAsync(
            async () =>
            {
                try
                {
                    await publisher.PublishAsync(new Note("after"), cancellationToken: Token);
                    return true;
                }
                catch (EmbeddedMqException)
                {
                    return false; // the publisher may hear of it only now
                }
            },
            "a publish after the close");
        await Patiently.UntilAsync(() => handled.Contains("after"), "the note after");
        await host.StopAsync(Token);
    }

    [Fact]
    public async Task Operator_ClosesTheConnectionsUnderIdempotentConsumers_EachMessageTakesEffectOnce()
    {
        const int Messages = 120;
        RabbitServer server = await own.GetAsync();
        ConcurrentDictionary<string, int> effects = new();
        int cuts = 0;
        MemoryIdempotenceStore store = new();
        await using RabbitMqBroker broker = await StartAsync(server);
        await using MessageBus bus = await MessageBus.StartAsync(
            broker,
            mq => mq
                .Topology(static t => t.Queue("once", static q => q.Durable()))
                .Publish<Note>(static p => p.ToQueue("once").MessageId(static note => note.Text))
                .Idempotence(i => i.UseStore(_ => store))
                .Consume<Note>(
                    "once",
                    async (note, _, _) =>
                    {
                        effects.AddOrUpdate(note.Text, 1, static (_, count) => count + 1);
                        if (note.Text is "note 20" or "note 70")
                        {
                            // The effects of all handlers are done, and their acknowledgements have nowhere to go.
                            await server.ControlAsync("close_all_connections", "maintenance at noon");
                            Interlocked.Increment(ref cuts);
                        }
                    },
                    static c => c.Concurrency(8).Prefetch(32).Idempotent()),
            new MessageBusOptions { RestartDelay = TimeSpan.FromMilliseconds(20), MaxRestartDelay = TimeSpan.FromMilliseconds(500) },
            cancellationToken: Token);
        for (int i = 0; i < Messages; i++)
        {
            // Sent again until it is confirmed: another reason for it to come twice.
            string text = $"note {i}";
            await Patiently.UntilAsync(
                async () =>
                {
                    try
                    {
                        await bus.Publisher.PublishAsync(new Note(text), cancellationToken: Token);
                        return true;
                    }
                    catch (EmbeddedMqException)
                    {
                        return false;
                    }
                },
                text);
        }

        await Patiently.UntilAsync(() => effects.Count == Messages && cuts == 2, "all effects");
        await Patiently.UntilAsync(
            async () =>
            {
                try
                {
                    await bus.Publisher.PublishAsync(new Note("last"), cancellationToken: Token);
                    return effects.ContainsKey("last");
                }
                catch (EmbeddedMqException)
                {
                    return false;
                }
            },
            "the last note");
        await bus.StopAsync(Token);

        Assert.All(effects, static effect => Assert.True(effect.Value == 1, $"'{effect.Key}' took effect {effect.Value} times."));
    }

    private static ValueTask<RabbitMqBroker> StartAsync(RabbitServer server, RecordingLog? log = null)
    {
        RabbitMqOptions options = server.ToOptions();
        options.LoggerFactory = log;
        return RabbitMqBroker.StartAsync(options, Token);
    }

    private sealed record Note(string Text);
}
