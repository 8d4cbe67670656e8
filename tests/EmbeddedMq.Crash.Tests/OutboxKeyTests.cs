using System.Globalization;
using EmbeddedMq.Outbox;
using EmbeddedMq.TestSupport;
using EmbeddedMq.TestSupport.Journal;

namespace EmbeddedMq.Crash.Tests;

/// <summary>Order keys of the embedded outbox whose first message fails, with more behind it than may be in memory, in processes that end in every way.</summary>
public sealed class OutboxKeyTests
{
    private const int MostInMemory = 24;
    private const int Keys = 6;

    private static readonly TimeSpan Lease = TimeSpan.FromMinutes(1);
    private static readonly TimeSpan Postponed = TimeSpan.FromHours(1);

    [Fact]
    public async Task Keys_FailAndAreRetriedOrDiscarded_WhateverEndsTheProcess_AllIsSentInOrderAndNoneHoldsBackOthers()
    {
        for (int script = 0; script < Seeds.ScriptCount(4); script++)
        {
            int seed = Seeds.Pick(7_100 + script);
            await using Run run = await Run.StartAsync(seed);
            await run.PlayAsync(steps: 60);
        }
    }

    [Theory]
    [InlineData("stop")]
    [InlineData("kill")]
    [InlineData("power")]
    public async Task Waiting_TheDiskFailsWhileItIsMoved_IsSentInOrderAfterAll(string end)
    {
        const int Behind = 4 * MostInMemory;
        bool hasFailed = true;
        for (int n = 1; hasFailed; n++)
        {
            FaultyFiles files = new(n);
            await using FaultyBroker broker = new(files);
            await broker.StartAsync();
            IOutboxStore outbox = broker.Broker.Outbox;
            LowerBound(outbox);
            await outbox.AddAsync([MessageOf("0", "a")]);
            await outbox.FailAsync(Assert.Single(await outbox.TakeAsync(1, Lease)), "gave up");
            OutboxMessage[] behind = [.. Enumerable.Range(1, Behind).Select(static id => MessageOf($"{id}", "a")), MessageOf("other", "b")];
            files.FailIn(n);
            await PatientlyAsync(broker, () => outbox.AddAsync(behind).AsTask());
            await PatientlyAsync(broker, async () => Assert.Equal("other", Assert.Single(await outbox.TakeAsync(9, Lease)).Message.Id));
            hasFailed = files.HasFailed;
            await broker.HealAsync();
            Assert.Equal(new OutboxCounts(Pending: Behind, Sent: 1, Failed: 1), (await outbox.CountAsync()) with { OldestAt = null });
            await broker.RestartAsync(crash: end != "stop", cutPower: end == "power");

            outbox = broker.Broker.Outbox;
            LowerBound(outbox);
            Assert.True(await outbox.RetryAsync("0"));
            List<string> sent = [];
            while (await outbox.TakeAsync(50, Lease) is { Count: > 0 } taken)
            {
                sent.AddRange(taken.Select(static entry => entry.Message.Id).Where(static id => id != "other"));
                await outbox.ConfirmAsync(taken);
            }

            Assert.Equal(Enumerable.Range(0, Behind + 1).Select(static id => $"{id}"), sent);
        }
    }

    // What is refused because of the disk has not happened: it is done again until it has.
    private static async Task PatientlyAsync(FaultyBroker broker, Func<Task> act)
    {
        for (Task acting = act(); !acting.IsCompletedSuccessfully;)
        {
            await Task.WhenAny(acting, Task.Delay(TimeSpan.FromMilliseconds(10), TimeProvider.System));
            broker.Time.Advance(TimeSpan.FromMilliseconds(100));
            if (acting is { IsFaulted: true, Exception.InnerException: JournalException })
            {
                await broker.HealAsync();
                acting = act();
            }
            else if (acting.IsFaulted)
            {
                await acting;
            }
        }
    }

    private static OutboxMessage MessageOf(string id, string orderKey)
        => new() { Id = id, Exchange = "", RoutingKey = "q", OrderKey = orderKey, Message = Message.Text(id, new MessageProperties { MessageId = id }) };

    private static void LowerBound(IOutboxStore outbox) => ((EmbeddedOutboxStore)outbox).MostInMemory = MostInMemory;

    // What is in the outbox, key by key, as far as its answers tell.
    private sealed class Run(int seed, FaultyBroker broker) : IAsyncDisposable
    {
        private readonly Random _random = Seeds.Generator(seed);
        private readonly List<string>[] _open = [.. Enumerable.Range(0, Keys).Select(static _ => new List<string>())];
        private readonly Dictionary<string, DateTimeOffset> _heldBack = []; // failed, for ever; or postponed until then
        private int _lastId;

        private IOutboxStore Outbox => broker.Broker.Outbox;

        private string Circumstances => $"Seed {seed}, message {_lastId}";

        public static async Task<Run> StartAsync(int seed)
        {
            FaultyBroker broker = new(new FaultyFiles(seed));
            await broker.StartAsync();
            LowerBound(broker.Broker.Outbox);
            return new Run(seed, broker);
        }

        public async Task PlayAsync(int steps)
        {
            for (int step = 0; step < steps; step++)
            {
                switch (_random.Next(10))
                {
                    case < 4:
                        await AddAsync();
                        break;
                    case < 7:
                        await SendAsync(failing: 4);
                        break;
                    case 7:
                        await AnswerFailedAsync();
                        break;
                    case 8:
                        broker.Time.Advance(Postponed);
                        break;
                    default:
                        await EndAsync();
                        break;
                }
            }

            await SendAsync(failing: 4);
            await EndAsync();
            while (_open.Any(static key => key.Count > 0))
            {
                broker.Time.Advance(Postponed);
                await AnswerFailedAsync();
                await SendAsync(failing: 1_000);
            }

            await EndAsync();
            Assert.Equal(default, await Outbox.CountAsync());
            Assert.Empty(await Outbox.TakeAsync(1, Lease));
        }

        public ValueTask DisposeAsync() => broker.DisposeAsync();

        private async Task AddAsync()
        {
            List<OutboxMessage> messages = [];
            int only = _random.Next(2 * Keys); // half of the time all are of one key
            for (int i = _random.Next(1, 60); i > 0; i--)
            {
                int key = only < Keys ? only : _random.Next(Keys);
                string id = string.Create(CultureInfo.InvariantCulture, $"{++_lastId}");
                _open[key].Add(id);
                messages.Add(MessageOf(id, $"key {key}"));
            }

            await Outbox.AddAsync(messages);
        }

        // Until nothing is due. All that is left then waits behind messages that have failed.
        private async Task SendAsync(int failing)
        {
            while (await Outbox.TakeAsync(_random.Next(1, 9), Lease) is { Count: > 0 } taken)
            {
                foreach (IGrouping<string, OutboxEntry> ofKey in taken.GroupBy(static entry => entry.Message.OrderKey!))
                {
                    await AnswerAsync([.. ofKey], _open[int.Parse(ofKey.Key.AsSpan(4), CultureInfo.InvariantCulture)], failing);
                }
            }

            foreach (List<string> key in _open.Where(static key => key.Count > 0))
            {
                Assert.True(_heldBack.ContainsKey(key[0]), $"{Circumstances}: {key[0]} is not given, and {key.Count - 1} more.");
            }

            OutboxCounts counts = await Outbox.CountAsync();
            int failed = _heldBack.Values.Count(static until => until == DateTimeOffset.MaxValue);
            Assert.Equal((_open.Sum(static key => key.Count) - failed, failed), (counts.Pending + counts.Sent, counts.Failed));
        }

        private async Task AnswerAsync(OutboxEntry[] taken, List<string> key, int failing)
        {
            string found = string.Join(' ', taken.Select(static entry => entry.Message.Id));
            Assert.True(taken.Select(static entry => entry.Message.Id).SequenceEqual(key.Take(taken.Length)), $"{Circumstances}: {found} before {string.Join(' ', key.Take(9))}");
            Assert.True(!_heldBack.Remove(key[0], out DateTimeOffset until) || until <= broker.Time.GetUtcNow(), $"{Circumstances}: {key[0]} too early");
            bool hasFailed = false;
            foreach (OutboxEntry entry in taken)
            {
                int answer = hasFailed ? -1 : _random.Next(failing);
                hasFailed |= answer is 0 or 1;
                switch (answer)
                {
                    case -1:
                        await Outbox.PostponeAsync(entry, null, TimeSpan.Zero);
                        break;
                    case 0:
                        await Outbox.FailAsync(entry, "gave up");
                        _heldBack.Add(entry.Message.Id, DateTimeOffset.MaxValue);
                        break;
                    case 1:
                        await Outbox.PostponeAsync(entry, "no queue", Postponed);
                        _heldBack.Add(entry.Message.Id, broker.Time.GetUtcNow() + Postponed);
                        break;
                    default:
                        await Outbox.ConfirmAsync([entry]);
                        key.Remove(entry.Message.Id);
                        break;
                }
            }
        }

        private async Task AnswerFailedAsync()
        {
            List<string> failed = await Outbox.ListAsync(OutboxStatus.Failed).Select(static entry => entry.Message.Id).ToListAsync();
            Assert.Equal(_heldBack.Where(static held => held.Value == DateTimeOffset.MaxValue).Select(static held => held.Key).Order(), failed.Order());
            foreach (string id in failed.Where(_ => _random.Next(2) == 0))
            {
                _heldBack.Remove(id);
                if (_random.Next(3) == 0)
                {
                    Assert.True(await Outbox.DiscardAsync(id));
                    Assert.Single(_open, key => key.Remove(id));
                }
                else
                {
                    Assert.True(await Outbox.RetryAsync(id));
                }
            }
        }

        private async Task EndAsync()
        {
            await broker.Broker.KeepStoreShortAsync();
            int end = _random.Next(3);
            await broker.RestartAsync(crash: end > 0, cutPower: end > 1);
            LowerBound(Outbox);
        }
    }
}
