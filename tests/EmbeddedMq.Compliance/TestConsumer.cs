namespace EmbeddedMq.Compliance;

/// <summary>A consumer as tests read it: one expectation after another, each with a bound.</summary>
/// <param name="engine">The engine under test.</param>
/// <param name="channel">The channel it consumes on.</param>
/// <param name="consumer">The consumer.</param>
public sealed class TestConsumer(ComplianceEngine engine, IChannel channel, IConsumer consumer) : IAsyncDisposable
{
    private readonly IAsyncEnumerator<Delivery> _deliveries = consumer.ReadAllAsync().GetAsyncEnumerator();
    private Task<bool>? _pendingRead;

    /// <summary>The consumer.</summary>
    public IConsumer Consumer => consumer;

    /// <summary>The channel it consumes on.</summary>
    public IChannel Channel => channel;

    /// <summary>Takes the next delivery.</summary>
    public async Task<Delivery> ExpectNextAsync()
    {
        bool any = await ReadAsync().WaitAsync(engine.Patience);
        _pendingRead = null;
        Assert.True(any, $"The consumer '{consumer.ConsumerTag}' ended where a delivery was due.");
        return _deliveries.Current;
    }

    /// <summary>Takes the next delivery, which must have this body.</summary>
    /// <param name="text">The body.</param>
    public async Task<Delivery> ExpectNextAsync(string text)
    {
        Delivery delivery = await ExpectNextAsync();
        Assert.Equal(text, delivery.Message.GetText());
        return delivery;
    }

    /// <summary>Takes as many deliveries as bodies are given, which must be these in this order.</summary>
    /// <param name="texts">The bodies.</param>
    public async Task<IReadOnlyList<Delivery>> ExpectAllAsync(params string[] texts)
    {
        List<Delivery> deliveries = [];
        foreach (string text in texts)
        {
            deliveries.Add(await ExpectNextAsync(text));
        }

        return deliveries;
    }

    /// <summary>Takes the next delivery and acknowledges it.</summary>
    /// <param name="text">Its body.</param>
    public async Task AckNextAsync(string text) => await channel.AckAsync((await ExpectNextAsync(text)).DeliveryTag);

    /// <summary>Nothing has been delivered that was not taken yet.</summary>
    public async Task ExpectNoneAsync()
    {
        await engine.SettleAsync();
        Task<bool> read = ReadAsync();
        if (read.IsCompletedSuccessfully && await read)
        {
            Assert.Fail($"The consumer '{consumer.ConsumerTag}' got '{_deliveries.Current.Message.GetText()}' where nothing was due.");
        }
    }

    /// <summary>The enumeration ends without an error, and the consumer tells why.</summary>
    /// <param name="end">Why.</param>
    public async Task ExpectEndAsync(ConsumerEnd end)
    {
        Assert.Equal(end, await consumer.Ended.WaitAsync(engine.Patience));
        Assert.False(await ReadAsync().WaitAsync(engine.Patience), $"The consumer '{consumer.ConsumerTag}' got a delivery where its end was due.");
    }

    /// <summary>The enumeration ends with an error.</summary>
    /// <typeparam name="TException">Its kind.</typeparam>
    public Task<TException> ExpectFailureAsync<TException>()
        where TException : EmbeddedMqException
        => Assert.ThrowsAsync<TException>(() => ReadAsync().WaitAsync(engine.Patience));

    /// <summary>Disposes the consumer: it is cancelled and what it had received and nobody took goes back.</summary>
    public async ValueTask DisposeAsync()
    {
        await consumer.DisposeAsync();

        // An enumerator must not be disposed under a pending read; disposing the consumer has ended that one.
        if (_pendingRead is { } read)
        {
            await read.WaitAsync(engine.Patience).ContinueWith(static _ => { }, TaskScheduler.Default);
        }

        await _deliveries.DisposeAsync();
    }

    private Task<bool> ReadAsync() => _pendingRead ??= _deliveries.MoveNextAsync().AsTask();
}
