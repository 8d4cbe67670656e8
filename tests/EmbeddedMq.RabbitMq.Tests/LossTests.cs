using System.Globalization;
using System.Reflection;
using EmbeddedMq.RabbitMq.Connections;
using EmbeddedMq.TestSupport;
using EmbeddedMq.TestSupport.Servers;
using RabbitMQ.Client.Events;
using Client = RabbitMQ.Client;

namespace EmbeddedMq.RabbitMq.Tests;

/// <summary>Calls under way when the connection is lost fail at once: they do not wait for an answer that cannot come. The time-out is an hour here.</summary>
public sealed class LossTests : IAsyncLifetime
{
    private static int _names;
    private CuttingProxy _proxy = null!;
    private RabbitMqBroker _broker = null!;
    private IConnection _connection = null!;
    private CuttingProxy.Pair _wire = null!;

    private static CancellationToken Token => TestContext.Current.CancellationToken;

    /// <inheritdoc/>
    public async ValueTask InitializeAsync()
    {
        RabbitServer server = await SharedRabbitServer.GetAsync();
        _proxy = new CuttingProxy(server.Port);
        RabbitMqOptions options = server.ToOptions();
        options.Uri = string.Create(CultureInfo.InvariantCulture, $"amqp://guest:guest@127.0.0.1:{_proxy.Port}");
        options.RequestTimeout = TimeSpan.FromHours(1);
        _broker = await RabbitMqBroker.StartAsync(options, Token);
        _ = await _proxy.NextAsync(Token).AsTask().WithinPatienceAsync("the broker's look at the server");
        _connection = await _broker.ConnectAsync(cancellationToken: Token);
        _wire = await _proxy.NextAsync(Token).AsTask().WithinPatienceAsync("the connection");
    }

    /// <inheritdoc/>
    public async ValueTask DisposeAsync()
    {
        if (_broker is not null)
        {
            await _broker.DisposeAsync().AsTask().WithinPatienceAsync("the end of the broker");
        }

        if (_proxy is not null)
        {
            await _proxy.DisposeAsync();
        }
    }

    [Theory]
    [InlineData("declare a queue", 50, 11)]
    [InlineData("declare an exchange", 40, 11)]
    [InlineData("bind a queue", 50, 21)]
    [InlineData("delete a queue", 50, 41)]
    [InlineData("get", 60, 72)]
    [InlineData("consume", 60, 21)]
    [InlineData("publish", 60, 80)]
    [InlineData("begin transactions", 90, 11)]
    [InlineData("begin confirms", 20, 11)]
    public async Task Call_LostBeforeTheAnswer_FailsAtOnceAsOfUnknownOutcome(string call, ushort classId, ushort methodId)
    {
        IChannel channel = await _connection.OpenChannelAsync(new ChannelOptions { Mode = call.StartsWith("begin", StringComparison.Ordinal) ? ChannelMode.Plain : ChannelMode.Confirm }, Token);
        string queue = (await channel.DeclareQueueAsync(UniqueName(), static q => q.AutoDelete(), Token)).Name;
        CuttingProxy.HeldFrame answer = _proxy.HoldNext(classId, methodId);
        Task under = call switch
        {
            "declare a queue" => channel.DeclareQueuePassiveAsync(queue, Token).AsTask(),
            "declare an exchange" => channel.DeclareExchangeAsync(queue, ExchangeType.Fanout, static e => e.AutoDelete(), Token).AsTask(),
            "bind a queue" => channel.BindQueueAsync(queue, "amq.direct", "key", cancellationToken: Token).AsTask(),
            "delete a queue" => channel.DeleteQueueAsync(queue, cancellationToken: Token).AsTask(),
            "get" => channel.GetAsync(queue, cancellationToken: Token).AsTask(),
            "consume" => channel.StartConsumerAsync(queue, cancellationToken: Token).AsTask(),
            "publish" => channel.PublishAsync("", queue, Message.Text("x"), cancellationToken: Token).AsTask(),
            "begin transactions" => channel.SelectTransactionAsync(Token).AsTask(),
            _ => channel.SelectConfirmAsync(Token).AsTask(),
        };
        await answer.Came.WithinPatienceAsync("the answer");
        _wire.Client.Dispose();

        ConnectionException error = await Assert.ThrowsAsync<ConnectionException>(() => under.WithinPatienceAsync("the end of the call"));
        Assert.Equal((true, "CONNECTION_FORCED - connection lost before the server answered"), (error.IsTransient, error.ReplyText));
        await channel.DeclareQueuePassiveAsync(queue, Token).AsTask().WithinPatienceAsync("a call after the recovery");
    }

    // The server closes the channel for it; with the connection goes that answer, too.
    [Fact]
    public async Task AckOfAnUnknownTag_LostBeforeTheAnswer_FailsAtOnceAsOfUnknownOutcome()
    {
        IChannel channel = await _connection.OpenChannelAsync(cancellationToken: Token);
        CuttingProxy.HeldFrame close = _proxy.HoldNext(20, 40);
        Task ack = channel.AckAsync(99, cancellationToken: Token).AsTask();
        await close.Came.WithinPatienceAsync("the server's answer");
        _wire.Client.Dispose();

        ConnectionException error = await Assert.ThrowsAsync<ConnectionException>(() => ack.WithinPatienceAsync("the end of the call"));
        Assert.Equal((true, "CONNECTION_FORCED - connection lost before the server answered"), (error.IsTransient, error.ReplyText));
        await channel.DeclareQueueAsync("", static q => q.Exclusive(), Token).AsTask().WithinPatienceAsync("a call after the recovery");
    }

    [Fact]
    public async Task OpenChannel_LostBeforeTheAnswer_OpensItOnTheNextWire()
    {
        CuttingProxy.HeldFrame answer = _proxy.HoldNext(20, 11);
        Task<IChannel> opening = _connection.OpenChannelAsync(cancellationToken: Token).AsTask();
        await answer.Came.WithinPatienceAsync("the answer");
        _wire.Client.Dispose();

        IChannel channel = await opening.WithinPatienceAsync("the channel");
        await channel.DeclareQueueAsync("", static q => q.Exclusive(), Token).AsTask().WithinPatienceAsync("a call");
    }

    [Fact]
    public async Task Recovery_LostAgainInTheMiddle_BeginsAnewAtOnce()
    {
        IChannel channel = await _connection.OpenChannelAsync(cancellationToken: Token);
        string queue = (await channel.DeclareQueueAsync(UniqueName(), static q => q.AutoDelete(), Token)).Name;
        CuttingProxy.HeldFrame answer = _proxy.HoldNext(50, 11);
        _wire.Client.Dispose();
        CuttingProxy.Pair second = await _proxy.NextAsync(Token).AsTask().WithinPatienceAsync("the connection of the recovery");
        await answer.Came.WithinPatienceAsync("the queue, declared again");
        second.Client.Dispose();
        await channel.DeclareQueuePassiveAsync(queue, Token).AsTask().WithinPatienceAsync("a call after the recovery");
    }

    // It is in the connection's list before it is open, and goes with the connection, too.
    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public async Task OpenChannel_ClosedBeforeTheAnswer_FailsInsteadOfReturningAClosedOne(bool withConnection)
    {
        CuttingProxy.HeldFrame answer = _proxy.HoldNext(85, 11);
        Task<IChannel> opening = _connection.OpenChannelAsync(cancellationToken: Token).AsTask();
        await answer.Came.WithinPatienceAsync("the answer");
        await Assert.Single(_connection.Channels).CloseAsync(cancellationToken: Token);
        Task closing = withConnection ? _connection.CloseAsync(cancellationToken: Token).AsTask() : Task.CompletedTask;
        answer.Release();

        EmbeddedMqException error = await Assert.ThrowsAnyAsync<EmbeddedMqException>(() => opening.WithinPatienceAsync("the end of the call"));
        Assert.Equal(withConnection, error is ConnectionException);
        await closing.WithinPatienceAsync("the end of the connection");
        Assert.Empty(_connection.Channels);
    }

    // What the client throws of a wire that is given up is of no interest, whatever it is: everybody waits for the next one.
    [Fact]
    public async Task Recovery_ClientFailsToCloseTheLostWire_GoesOn()
    {
        IChannel channel = await _connection.OpenChannelAsync(cancellationToken: Token);
        FieldInfo session = typeof(RabbitConnection).GetField("_session", BindingFlags.Instance | BindingFlags.NonPublic)!;
        Client.IConnection unclosable = DispatchProxy.Create<Client.IConnection, Unclosable>();
        ((Unclosable)unclosable).Wire = (Client.IConnection)session.GetValue(_connection)!;
        session.SetValue(_connection, unclosable);

        ((RabbitConnection)_connection).NoteShutdown(unclosable, new ShutdownEventArgs(Client.ShutdownInitiator.Library, 541, "lost"));

        await channel.DeclareQueueAsync("", static q => q.Exclusive(), Token).AsTask().WithinPatienceAsync("a call after the recovery");
    }

    private static string UniqueName() => $"lost-{Interlocked.Increment(ref _names)}";

    /// <summary>A wire that cannot be closed.</summary>
    [System.Diagnostics.CodeAnalysis.SuppressMessage("Performance", "CA1852:Seal internal types", Justification = "The proxy is made as a subclass.")]
    internal class Unclosable : DispatchProxy
    {
        /// <summary>The real one.</summary>
        internal Client.IConnection Wire { get; set; } = null!;

        /// <inheritdoc/>
        protected override object? Invoke(MethodInfo? targetMethod, object?[]? args)
            => targetMethod!.Name == nameof(Client.IConnection.CloseAsync) ? throw new InvalidOperationException("a fault of the client") : targetMethod.Invoke(Wire, args);
    }
}
