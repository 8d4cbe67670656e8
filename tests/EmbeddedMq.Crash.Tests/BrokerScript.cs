using EmbeddedMq.TestSupport.Journal;

namespace EmbeddedMq.Crash.Tests;

/// <summary>A random script of uses of a broker, what it was told about each of them, and what must therefore be found after a restart.</summary>
/// <remarks>For one caller. Whatever waits for the disk longer than that is up to makes the script mend the disk and let time pass.</remarks>
internal sealed class BrokerScript(FaultyBroker broker, FaultyFiles files, int seed)
{
    private const int MomentsBeforeMending = 4;
    private const int MostMoments = 18_000; // three minutes: only what hangs is waited for so long

    private static readonly TimeSpan Moment = TimeSpan.FromMilliseconds(10);

    private readonly Random _random = new(seed);
    private readonly HashSet<int> _tried = [];
    private readonly HashSet<int> _safe = [];
    private readonly HashSet<int> _acknowledged = [];
    private readonly HashSet<int> _committedAcknowledged = [];
    private readonly HashSet<int> _dead = [];
    private readonly HashSet<string> _declared = [];
    private readonly List<(int Number, ulong Tag)> _held = [];
    private IChannel _channel = null!;
    private IChannel _transactional = null!;
    private int _last;

    /// <summary>Declares what the script uses. Nothing may fail yet.</summary>
    public async Task BeginAsync(IChannel channel)
    {
        _channel = channel;
        _transactional = await broker.OpenChannelAsync(ChannelMode.Transactional);
        await channel.DeclareQueueAsync("dead", static q => q.Durable());
        await channel.DeclareQueueAsync("q", static q => q.Durable().DeadLetterTo("dead"));
        await channel.DeclareQueueAsync("tx", static q => q.Durable());
        foreach (string queue in new[] { "q", "dead", "tx" })
        {
            Assert.Null(await channel.GetAsync(queue)); // the first get from a queue is told to the disk
        }
    }

    /// <summary>Takes so many random steps.</summary>
    public async Task RunAsync(int steps)
    {
        for (int i = 0; i < steps; i++)
        {
            await StepAsync();
        }
    }

    /// <summary>Holds what was said against what is there after a restart.</summary>
    /// <param name="channel">A channel of the broker that was started again.</param>
    /// <param name="isClean">Whether it was stopped in order.</param>
    /// <param name="mayDouble">Whether a crash may have come while the broker put into order what a failure had taken.</param>
    /// <param name="circumstances">For the failure's message.</param>
    public async Task CheckAsync(IChannel channel, bool isClean, bool mayDouble, string circumstances)
    {
        List<int> inQueue = await DrainAsync(channel, "q");
        List<int> found = [.. inQueue, .. await DrainAsync(channel, "dead"), .. await DrainAsync(channel, "tx")];
        Assert.False(broker.Log.Contains("cannot be read from disk", StringComparison.Ordinal), $"{circumstances}: {broker.Log}");
        Assert.True(inQueue.Order().SequenceEqual(inQueue), $"{circumstances}: the order is {string.Join(' ', inQueue)}.");
        AssertNone(found.Where(number => !_tried.Contains(number)), "were never published", circumstances);
        AssertNone(_safe.Where(number => !_acknowledged.Contains(number) && !found.Contains(number)), "were safe and are lost", circumstances);
        AssertNone(found.Where(_committedAcknowledged.Contains), "were acknowledged by a commit and are back", circumstances);
        if (isClean)
        {
            AssertNone(found.Where(_acknowledged.Contains), "were acknowledged and are back", circumstances);
        }

        if (!mayDouble)
        {
            AssertNone(found.CountBy(static number => number).Where(static number => number.Value > 1).Select(static number => number.Key), "are there twice", circumstances);
        }

        foreach (string name in _declared)
        {
            await channel.DeclareQueuePassiveAsync(name);
        }
    }

    private static void AssertNone(IEnumerable<int> numbers, string what, string circumstances)
    {
        int[] some = [.. numbers];
        Assert.True(some.Length == 0, $"{circumstances}: messages {string.Join(", ", some)} {what}.");
    }

    private async Task StepAsync()
    {
        switch (_random.Next(14))
        {
            case < 5:
                int number = ++_last;
                _tried.Add(number);
                PublishResult result = await PatientlyAsync(_channel.TryPublishAsync("", "q", MakeMessage(number)).AsTask());
                if (result.IsConfirmed)
                {
                    _safe.Add(number);
                }
                else
                {
                    Assert.Equal(RejectReason.StorageFailed, result.RejectReason);
                }

                break;
            case < 8:
                if (await GetAsync(_channel, _random.Next(3) == 0 ? "dead" : "q", autoAck: false) is { } got)
                {
                    _held.Add((NumberOf(got.Delivery), got.Delivery.DeliveryTag));
                }

                break;
            case < 10:
                await SettleAsync();
                break;
            case 10:
                await TransactAsync();
                break;
            case 11:
                await DeclareOrKeepShortAsync();
                break;
            default:
                broker.Time.Advance(TimeSpan.FromMilliseconds(_random.Next(8) == 0 ? 1_000 : _random.Next(10)));
                break;
        }
    }

    private async Task SettleAsync()
    {
        if (_held.Count == 0)
        {
            return;
        }

        (int number, ulong tag) = _held[_random.Next(_held.Count)];
        _held.Remove((number, tag));
        switch (_random.Next(3))
        {
            case 0:
                _acknowledged.Add(number);
                await _channel.AckAsync(tag);
                break;
            case 1:
                if (!_dead.Add(number))
                {
                    _acknowledged.Add(number); // what dies where the dead go is gone
                }

                await _channel.RejectAsync(tag);
                break;
            default:
                await _channel.NackAsync(tag);
                break;
        }
    }

    private async Task TransactAsync()
    {
        int first = ++_last;
        int second = ++_last;
        _tried.UnionWith([first, second]);
        int? acknowledged = null;
        if (await GetAsync(_transactional, "tx", autoAck: false) is { } got)
        {
            acknowledged = NumberOf(got.Delivery);
            _acknowledged.Add(acknowledged.Value);
            await _transactional.AckAsync(got.Delivery.DeliveryTag);
        }

        try
        {
            await PatientlyAsync(CommitAsync(first, second));
        }
        catch (JournalException)
        {
            return; // it may have happened or not
        }

        _safe.UnionWith([first, second]);
        if (acknowledged is { } number)
        {
            _committedAcknowledged.Add(number);
        }
    }

    private async Task<bool> CommitAsync(int first, int second)
    {
        ValueTask<PublishResult> one = _transactional.TryPublishAsync("", "tx", MakeMessage(first));
        ValueTask<PublishResult> two = _transactional.TryPublishAsync("", "tx", MakeMessage(second));
        await _transactional.CommitTransactionAsync();
        await one;
        await two;
        return true;
    }

    private async Task DeclareOrKeepShortAsync()
    {
        if (_random.Next(3) != 0)
        {
            await PatientlyAsync(KeepShortAsync());
            return;
        }

        string name = $"declared-{++_last}";
        try
        {
            await PatientlyAsync(DeclareAsync(name));
            _declared.Add(name);
            if (_random.Next(2) == 0)
            {
                _declared.Remove(name);
                await _channel.DeleteQueueAsync(name);
            }
        }
        catch (JournalException)
        {
            // It may be there or not.
        }
    }

    private async Task<bool> KeepShortAsync()
    {
        await broker.Broker.KeepStoreShortAsync();
        return true;
    }

    private async Task<bool> DeclareAsync(string name)
    {
        await _channel.DeclareQueueAsync(name, static q => q.Durable());
        return true;
    }

    // In real time: what is waited for is other threads' work, and some of it begins only when the broker's clock goes on.
    private async Task<T> PatientlyAsync<T>(Task<T> task)
    {
        for (int moment = 0; !task.IsCompleted; moment++)
        {
            await Task.WhenAny(task, Task.Delay(Moment, TimeProvider.System));
            if (task.IsCompleted)
            {
                break;
            }

            if (files.HasFailed && moment >= MomentsBeforeMending)
            {
                files.FailForEver = false;
                files.FailAt = 0;
            }

            if (moment >= MostMoments)
            {
                string queues = string.Join("; ", await broker.Broker.Management.ListQueuesAsync("/"));
                Assert.Fail($"Seed {seed}: something hangs; the store is {broker.Broker.Journal.State}, {broker.Broker.Journal.Failure}; {queues}\n{broker.Log}");
            }

            broker.Time.Advance(TimeSpan.FromMilliseconds(100));
        }

        return await task;
    }

    // What is on disk and cannot be read comes once the disk works again.
    private async Task<GetResult?> GetAsync(IChannel channel, string queue, bool autoAck)
    {
        for (int moment = 0; ; moment++)
        {
            try
            {
                return await PatientlyAsync(channel.GetAsync(queue, autoAck).AsTask());
            }
            catch (JournalException) when (files.HasFailed && moment < MostMoments)
            {
                files.FailForEver &= moment < MomentsBeforeMending;
                files.FailAt = files.FailForEver ? files.FailAt : 0;
                broker.Time.Advance(TimeSpan.FromMilliseconds(100));
            }
        }
    }

    private Message MakeMessage(int number)
        => Message.Text($"{number} {new string('x', _random.Next(10) == 0 ? 70_000 : _random.Next(20_000))}", MessageProperties.Persistent);

    private static int NumberOf(Delivery delivery) => int.Parse(delivery.Message.GetText().Split(' ')[0], System.Globalization.CultureInfo.InvariantCulture);

    private async Task<List<int>> DrainAsync(IChannel channel, string queue)
    {
        List<int> numbers = [];
        while (await GetAsync(channel, queue, autoAck: true) is { } got)
        {
            numbers.Add(NumberOf(got.Delivery));
        }

        return numbers;
    }
}
