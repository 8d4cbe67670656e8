using System.Globalization;

namespace EmbeddedMq.Compliance;

/// <summary>The base of all suites: a broker, a connection, a confirming channel, and helpers that know how long to wait.</summary>
/// <param name="engine">The engine under test. Nothing in a suite may know which one it is.</param>
public abstract class ComplianceSuite(ComplianceEngine engine) : IAsyncLifetime
{
    private readonly List<IAsyncDisposable> _opened = [];
    private IChannel? _observer;

    /// <summary>The engine under test.</summary>
    protected ComplianceEngine Engine { get; } = engine;

    /// <summary>What the engine must offer for this suite to run. Default nothing beyond the common model.</summary>
    protected virtual EngineCapabilities Needs => EngineCapabilities.None;

    /// <summary>What the suite wants of the broker. Default nothing in particular.</summary>
    protected virtual EngineOptions Options { get; } = new();

    protected IBroker Broker { get; private set; } = null!;

    protected IConnection Connection { get; private set; } = null!;

    /// <summary>A confirming channel for what is not itself under test: declaring and publishing.</summary>
    protected IChannel Channel { get; private set; } = null!;

    protected string VirtualHost => Engine.VirtualHost;

    public virtual async ValueTask InitializeAsync()
    {
        Require(Needs);
        if (TestContext.Current.TestMethod?.Traits.TryGetValue(DeliberateDifferenceAttribute.TraitName, out _) == true)
        {
            Require(EngineCapabilities.DeliberateDifferences);
        }

        Broker = await Engine.StartAsync(Options);
        Connection = await ConnectAsync();
        Channel = await OpenChannelAsync();
    }

    public async ValueTask DisposeAsync()
    {
        GC.SuppressFinalize(this);
        for (int i = _opened.Count - 1; i >= 0; i--)
        {
            await _opened[i].DisposeAsync();
        }

        await Engine.DisposeAsync();
    }

    /// <summary>Skips the test on an engine that lacks something.</summary>
    /// <param name="capabilities">What it needs.</param>
    protected void Require(EngineCapabilities capabilities)
        => Assert.SkipUnless(Engine.Capabilities.HasFlag(capabilities), $"The engine lacks {capabilities & ~Engine.Capabilities}.");

    //// Names and objects

    /// <summary>A name that no other test uses.</summary>
    /// <param name="stem">Its beginning.</param>
    protected string Name(string stem) => Engine.UniqueName(stem);

    /// <summary>How a reply text names a queue.</summary>
    /// <param name="queue">The queue.</param>
    protected string QueueIn(string queue) => $"queue '{queue}' in vhost '{VirtualHost}'";

    /// <summary>How a reply text names an exchange.</summary>
    /// <param name="exchange">The exchange.</param>
    protected string ExchangeIn(string exchange) => $"exchange '{exchange}' in vhost '{VirtualHost}'";

    protected async Task<IConnection> ConnectAsync(string? name = null)
    {
        IConnection connection = await Broker.ConnectAsync(new ConnectionOptions { VirtualHost = VirtualHost, Name = name });
        _opened.Add(connection);
        return connection;
    }

    /// <summary>Opens a channel; it goes with its connection.</summary>
    /// <param name="mode">Its mode.</param>
    /// <param name="connection">Its connection; <see langword="null"/> means <see cref="Connection"/>.</param>
    protected async Task<IChannel> OpenChannelAsync(ChannelMode mode = ChannelMode.Confirm, IConnection? connection = null)
        => await (connection ?? Connection).OpenChannelAsync(new ChannelOptions { Mode = mode });

    /// <summary>Declares a queue under a unique name, durable where the engine likes that.</summary>
    /// <param name="configure">Changes the declaration.</param>
    /// <param name="stem">The beginning of its name.</param>
    /// <returns>Its name.</returns>
    protected Task<string> DeclareQueueAsync(Func<QueueDeclaration, QueueDeclaration>? configure = null, string stem = "q")
        => DeclareExactlyAsync(queue => Engine.UsualQueue(configure?.Invoke(queue) ?? queue), stem);

    /// <summary>Declares a queue under a unique name, just so: for tests that declare it once more.</summary>
    /// <param name="configure">Changes the declaration.</param>
    /// <param name="stem">The beginning of its name.</param>
    /// <returns>Its name.</returns>
    protected async Task<string> DeclareExactlyAsync(Func<QueueDeclaration, QueueDeclaration>? configure = null, string stem = "q")
        => (await Channel.DeclareQueueAsync(Name(stem), configure)).Name;

    /// <summary>Declares an exchange under a unique name.</summary>
    /// <param name="type">Its type.</param>
    /// <param name="configure">Changes the declaration.</param>
    /// <param name="stem">The beginning of its name.</param>
    /// <returns>Its name.</returns>
    protected async Task<string> DeclareExchangeAsync(string type, Func<ExchangeDeclaration, ExchangeDeclaration>? configure = null, string stem = "x")
    {
        string name = Name(stem);
        await Channel.DeclareExchangeAsync(name, type, configure);
        return name;
    }

    /// <summary>Declares a queue and binds it.</summary>
    /// <param name="exchange">The exchange.</param>
    /// <param name="routingKey">The binding key.</param>
    /// <param name="arguments">The binding's arguments.</param>
    /// <returns>The queue's name.</returns>
    protected async Task<string> DeclareBoundQueueAsync(string exchange, string routingKey = "", HeaderTable? arguments = null)
    {
        string queue = await DeclareQueueAsync();
        await Channel.BindQueueAsync(queue, exchange, routingKey, arguments);
        return queue;
    }

    protected async Task<TestConsumer> ConsumeAsync(string queue, ConsumerOptions? options = null, IChannel? channel = null)
    {
        channel ??= Channel;
        TestConsumer consumer = new(Engine, channel, await channel.StartConsumerAsync(queue, options));
        _opened.Add(consumer);
        return consumer;
    }

    //// Messages

    /// <summary>Publishes a text and waits for its confirm.</summary>
    /// <param name="exchange">The exchange.</param>
    /// <param name="routingKey">The routing key.</param>
    /// <param name="text">The body.</param>
    /// <param name="properties">The properties.</param>
    protected async Task PublishAsync(string exchange, string routingKey, string text, MessageProperties? properties = null)
        => await Channel.PublishAsync(exchange, routingKey, Message.Text(text, properties ?? Engine.UsualProperties));

    /// <summary>Publishes texts to a queue through the default exchange, one after another.</summary>
    /// <param name="queue">The queue.</param>
    /// <param name="texts">The bodies.</param>
    protected async Task SendAsync(string queue, params string[] texts)
    {
        foreach (string text in texts)
        {
            await PublishAsync("", queue, text);
        }
    }

    /// <summary>Publishes the texts 1, 2, 3 … to a queue.</summary>
    /// <param name="queue">The queue.</param>
    /// <param name="count">How many.</param>
    protected Task SendNumbersAsync(string queue, int count) => SendAsync(queue, Numbers(1, count));

    /// <summary>The texts first, first + 1 … last.</summary>
    /// <param name="first">The first.</param>
    /// <param name="last">The last.</param>
    protected static string[] Numbers(int first, int last)
        => [.. Enumerable.Range(first, last - first + 1).Select(number => number.ToString(CultureInfo.InvariantCulture))];

    /// <summary>Takes the next message of a queue, settled by taking it.</summary>
    /// <param name="queue">The queue.</param>
    protected async Task<Delivery> GetAsync(string queue)
    {
        IChannel observer = await ObserverAsync();
        GetResult? result = null;
        await Engine.UntilAsync(async () => (result = await observer.GetAsync(queue, autoAck: true)) is not null);
        Assert.True(result is not null, $"The queue '{queue}' is empty where a message was due.");
        return result.Delivery;
    }

    /// <summary>Takes the next message of a queue, unsettled.</summary>
    /// <param name="channel">The channel that is to settle it.</param>
    /// <param name="queue">The queue.</param>
    protected async Task<Delivery> GetUnsettledAsync(IChannel channel, string queue)
    {
        GetResult? result = null;
        await Engine.UntilAsync(async () => (result = await channel.GetAsync(queue)) is not null);
        Assert.True(result is not null, $"The queue '{queue}' is empty where a message was due.");
        return result.Delivery;
    }

    protected async Task<string> GetTextAsync(string queue) => (await GetAsync(queue)).Message.GetText();

    /// <summary>A queue holds exactly these messages in this order; they are taken out.</summary>
    /// <param name="queue">The queue.</param>
    /// <param name="texts">Their bodies; none means that it is empty.</param>
    protected async Task ExpectMessagesAsync(string queue, params string[] texts)
    {
        List<string> found = [];
        while (found.Count < texts.Length)
        {
            found.Add(await GetTextAsync(queue));
        }

        await Engine.SettleAsync();
        IChannel observer = await ObserverAsync();
        while (await observer.GetAsync(queue, autoAck: true) is { } beyond)
        {
            found.Add(beyond.Delivery.Message.GetText());
        }

        Assert.Equal(texts, found);
    }

    /// <summary>A queue has so many ready messages.</summary>
    /// <param name="queue">The queue.</param>
    /// <param name="ready">How many.</param>
    protected async Task ExpectReadyAsync(string queue, uint ready)
    {
        IChannel observer = await ObserverAsync();
        uint found = 0;
        await Engine.UntilAsync(async () => (found = (await observer.DeclareQueuePassiveAsync(queue)).MessageCount) == ready);
        Assert.Equal(ready, found);
    }

    //// Time

    /// <summary>Looks at what holds until a TTL or a lease is over. On a server in real time the machine may be too slow to look in time; then nothing can be told.</summary>
    /// <param name="time">The TTL or lease.</param>
    /// <param name="since">When it began at the earliest, by the engine's clock.</param>
    /// <param name="look">What has to be done before it is over.</param>
    protected async Task InTimeAsync(TimeSpan time, long since, Func<Task> look)
    {
        try
        {
            await look();
        }
        catch (Exception error) when (Engine.Clock.GetElapsedTime(since) >= time)
        {
            Assert.Skip($"The machine was too slow to look within {time.TotalMilliseconds} ms: {error.Message}");
        }
    }

    //// Errors and existence

    protected Task<bool> QueueExistsAsync(string queue) => ExistsAsync(async channel => await channel.DeclareQueuePassiveAsync(queue));

    protected Task<bool> ExchangeExistsAsync(string exchange) => ExistsAsync(async channel => await channel.DeclareExchangePassiveAsync(exchange));

    /// <summary>A queue is gone, or goes within the engine's patience.</summary>
    /// <param name="queue">The queue.</param>
    protected async Task ExpectQueueGoneAsync(string queue)
        => Assert.True(await Engine.UntilAsync(async () => !await QueueExistsAsync(queue)), $"The queue '{queue}' is still there.");

    /// <summary>A queue is gone, or goes by itself: looked at in a way that does not count as its use.</summary>
    /// <param name="queue">The queue.</param>
    protected async Task ExpectQueueExpiredAsync(string queue) => Assert.True(
        await Engine.UntilAsync(async () => (await Channel.TryPublishAsync("", queue, Message.Text("probe"), PublishFlags.Mandatory)).Outcome == PublishOutcome.Returned),
        $"The queue '{queue}' is still there.");

    /// <summary>An exchange is gone, or goes within the engine's patience.</summary>
    /// <param name="exchange">The exchange.</param>
    protected async Task ExpectExchangeGoneAsync(string exchange)
        => Assert.True(await Engine.UntilAsync(async () => !await ExchangeExistsAsync(exchange)), $"The exchange '{exchange}' is still there.");

    /// <summary>An action fails with a channel error, which closes its channel and no other.</summary>
    /// <param name="code">The reply code.</param>
    /// <param name="text">The reply text behind the constant.</param>
    /// <param name="action">The action.</param>
    /// <param name="channel">The channel to use; <see langword="null"/> means one of its own.</param>
    protected async Task ExpectChannelErrorAsync(ReplyCode code, string text, Func<IChannel, ValueTask> action, IChannel? channel = null)
    {
        channel ??= await OpenChannelAsync();
        ChannelException error = await Assert.ThrowsAsync<ChannelException>(async () => await action(channel));
        CloseReason expected = new(CloseInitiator.Broker, code, ReplyTexts.Full(code, text));
        Assert.Equal((expected.ReplyCode, expected.ReplyText), (error.ReplyCode, error.ReplyText));

        Assert.Equal(expected, await channel.Closed.WaitAsync(Engine.Patience));
        Assert.Equal(expected, channel.CloseReason);
        Assert.False(channel.IsOpen);
        ChannelException later = await Assert.ThrowsAsync<ChannelException>(async () => await channel.SetPrefetchAsync(1));
        Assert.Equal((expected.ReplyCode, expected.ReplyText), (later.ReplyCode, later.ReplyText));

        Assert.True(channel.Connection.IsOpen, "A channel error must not close the connection.");
        Assert.True(ReferenceEquals(channel, Channel) || Channel.IsOpen, "A channel error must not close another channel.");
        IChannel next = await channel.Connection.OpenChannelAsync();
        Assert.Equal(channel.Number, next.Number);
        await next.CloseAsync();
    }

    /// <inheritdoc cref="ExpectChannelErrorAsync(ReplyCode, string, Func{IChannel, ValueTask}, IChannel?)"/>
    /// <typeparam name="T">What the action would return.</typeparam>
    protected Task ExpectChannelErrorAsync<T>(ReplyCode code, string text, Func<IChannel, ValueTask<T>> action, IChannel? channel = null)
        => ExpectChannelErrorAsync(code, text, async used => { _ = await action(used); }, channel);

    /// <summary>An action fails with a connection error, which closes its connection and no other.</summary>
    /// <param name="code">The reply code.</param>
    /// <param name="text">The reply text behind the constant.</param>
    /// <param name="action">The action; the channel belongs to a connection of its own.</param>
    protected async Task ExpectConnectionErrorAsync(ReplyCode code, string text, Func<IChannel, Task> action)
    {
        IConnection connection = await ConnectAsync();
        IChannel channel = await OpenChannelAsync(connection: connection);
        ConnectionException error = await Assert.ThrowsAsync<ConnectionException>(async () => await action(channel));
        CloseReason expected = new(CloseInitiator.Broker, code, ReplyTexts.Full(code, text));
        Assert.Equal((expected.ReplyCode, expected.ReplyText), (error.ReplyCode, error.ReplyText));

        Assert.Equal(expected, await connection.Closed.WaitAsync(Engine.Patience));
        await channel.Closed.WaitAsync(Engine.Patience);
        Assert.False(connection.IsOpen);
        Assert.False(channel.IsOpen);
        Assert.True(Connection.IsOpen, "A connection error must not close another connection.");
    }

    /// <summary>Waits for a task that must complete.</summary>
    /// <typeparam name="T">What it yields.</typeparam>
    /// <param name="task">The task.</param>
    protected Task<T> SoonAsync<T>(Task<T> task) => task.WaitAsync(Engine.Patience);

    // Its own channel, so that looking changes neither the last declared queue nor the tags of a channel under test.
    private async Task<IChannel> ObserverAsync()
    {
        if (_observer is not { IsOpen: true })
        {
            _observer = await OpenChannelAsync();
        }

        return _observer;
    }

    private async Task<bool> ExistsAsync(Func<IChannel, Task> look)
    {
        IChannel channel = await OpenChannelAsync();
        try
        {
            await look(channel);
            await channel.CloseAsync();
            return true;
        }
        catch (ChannelException error) when (error.ReplyCode == ReplyCode.NotFound)
        {
            return false;
        }
    }
}
