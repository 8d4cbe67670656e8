using System.Diagnostics;
using System.Globalization;
using System.Text;
using EmbeddedMq.Channels;

namespace EmbeddedMq.Crash.Tests.Campaign;

/// <summary>A process with a broker that publishes, consumes, settles, declares and deletes, until it is killed or told to stop; it says what it
/// begins and what has returned.</summary>
/// <remarks>
/// <para>Each line is with the operating system when the next step begins, so that the reader knows of a step that can have had an effect, and of
/// no return that was not. The lines:</para>
/// <list type="table">
/// <item><c>ready</c>, <c>stopped</c></item>
/// <item><c>P ms</c>: a timer has come</item>
/// <item><c>K checkpoints evacuated compacted</c>: what the store has done since the process began</item>
/// <item><c>C id target ms</c>: confirmed; ms is when it was published</item>
/// <item><c>D queue id 0|1</c>: delivered, redelivered or not</item>
/// <item><c>a queue id</c>, <c>A queue id ms</c>: is being acknowledged, is acknowledged; <c>r</c>, <c>R</c>: is rejected</item>
/// <item><c>t id…</c>, <c>X id…</c>: a transaction moves messages from work to done, has moved them</item>
/// <item><c>e id</c>, <c>M id</c>: see <see cref="Effects"/></item>
/// <item><c>+? name</c>, <c>+! name</c>, <c>-? name</c>, <c>-! name</c>: is being declared, exists, is being deleted, is gone</item>
/// </list>
/// </remarks>
internal sealed class CampaignVictim
{
    public const string Argument = "campaign-victim";

    private const int Publishers = 3;
    private const int MostHeld = 12;
    private const int ManySparse = 240;

    private static readonly TimeSpan PulseInterval = TimeSpan.FromMilliseconds(20);

    private readonly CampaignSetup _setup;
    private readonly Stream _output = Console.OpenStandardOutput();
    private readonly Lock _outputGate = new();
    private volatile bool _isStopping;

    private CampaignVictim(CampaignSetup setup) => _setup = setup;

    /// <summary>Starts the process.</summary>
    public static Process Start(CampaignSetup setup)
    {
        ProcessStartInfo start = new(Environment.ProcessPath!) { RedirectStandardOutput = true, RedirectStandardInput = true };
        if (Path.GetFileNameWithoutExtension(Environment.ProcessPath) == "dotnet")
        {
            start.ArgumentList.Add(typeof(CampaignVictim).Assembly.Location);
        }

        start.ArgumentList.Add(Argument);
        foreach (string argument in setup.ToArguments())
        {
            start.ArgumentList.Add(argument);
        }

        start.Environment["DOTNET_TieredPGO"] = "0";
        return Process.Start(start)!;
    }

    /// <summary>What the process does.</summary>
    public static Task<int> RunAsync(string[] args) => new CampaignVictim(CampaignSetup.Parse(args)).RunAsync();

    private async Task<int> RunAsync()
    {
        try
        {
            Say("opening");
            Broker broker = await Broker.StartAsync(_setup.ToBrokerOptions(TimeProvider.System));
            Say("ready");
            IConnection connection = await broker.ConnectAsync();
            await CampaignSetup.DeclareAsync(await connection.OpenChannelAsync());
            Effects effects = new(broker, _setup.Life, Say);
            List<Task> actors =
            [
                .. Enumerable.Range(0, Publishers).Append(Bodies.LongPublisher).Select(publisher => Act(publisher, random => PublishAsync(broker, publisher, random))),
                .. CampaignSetup.Consumed.Select((queue, i) => Act(10 + i, random => ConsumeAsync(broker, queue, random))),
                Act(20, random => MoveAsync(broker, random)),
                Act(21, random => ChangeNamesAsync(broker, random)),
                Act(22, _ => PulseAsync(broker)),
                Act(23, random => ThinOutAsync(broker, random)),
                Act(24, random => KeepShortAsync(broker, random)),
                Act(25, random => PublishEffectsAsync(broker, effects, random)),
                Act(26, async random => await effects.ConsumeAsync((Channel)await (await broker.ConnectAsync()).OpenChannelAsync(), random)),
            ];
            Task<string?> told = Console.In.ReadLineAsync();
            await Task.WhenAny([told, .. actors]);
            _isStopping = told.IsCompleted;
            if (_isStopping)
            {
                await broker.DisposeAsync();
            }

            await Task.WhenAll(actors);
            Say("stopped");
            return 0;
        }
        catch (Exception error)
        {
            Say("ERROR " + error.ToString().ReplaceLineEndings(" "));
            return 1;
        }
    }

    private Task Act(int part, Func<Random, Task> act) => Task.Run(async () =>
    {
        try
        {
            await act(new Random((_setup.Seed * 1_000_003) + (_setup.Life * 101) + part));
        }
        catch (Exception error) when (_isStopping && error is EmbeddedMqException or ObjectDisposedException or OperationCanceledException)
        {
            // The broker was stopped under it.
        }
    });

    private async Task PulseAsync(Broker broker)
    {
        while (!_isStopping)
        {
            await Task.Delay(PulseInterval, TimeProvider.System);
            StorageDescription storage = broker.Storage!;
            Say(string.Create(CultureInfo.InvariantCulture, $"P {NowMs}"));
            Say(string.Create(CultureInfo.InvariantCulture, $"K {storage.CheckpointsTotal} {storage.EvacuatedTotal} {storage.CompactedTotal}"));
        }
    }

    private async Task PublishEffectsAsync(Broker broker, Effects effects, Random random)
    {
        IConnection connection = await broker.ConnectAsync();
        IChannel channel = await connection.OpenChannelAsync(new ChannelOptions { Mode = ChannelMode.Confirm });
        while (!_isStopping)
        {
            await effects.PublishAsync(channel, random);
            await PauseAsync(random.Next(12));
        }
    }

    // The broker does it by itself once a second, which is longer than most lives.
    private async Task KeepShortAsync(Broker broker, Random random)
    {
        while (!_isStopping)
        {
            await broker.KeepStoreShortAsync();
            await PauseAsync(random.Next(50));
        }
    }

    // Acknowledges all but one in twelve of the queue's messages, once there are so many that most of them have moved to the cold log.
    private async Task ThinOutAsync(Broker broker, Random random)
    {
        IConnection connection = await broker.ConnectAsync();
        IChannel channel = await connection.OpenChannelAsync();
        while (!_isStopping)
        {
            if ((await channel.DeclareQueuePassiveAsync(CampaignSetup.Sparse)).MessageCount < ManySparse)
            {
                await PauseAsync(random.Next(20));
                continue;
            }

            for (int i = 0; i < ManySparse / 2 && await channel.GetAsync(CampaignSetup.Sparse) is { } got; i++)
            {
                Delivery delivery = got.Delivery;
                string id = Bodies.Read(delivery.Body.Span);
                Say($"D {CampaignSetup.Sparse} {id} {(delivery.Redelivered ? 1 : 0)}");
                if (random.Next(12) > 0) // what is not settled here is held until the process ends
                {
                    Say($"a {CampaignSetup.Sparse} {id}");
                    await channel.AckAsync(delivery.DeliveryTag);
                    Say(string.Create(CultureInfo.InvariantCulture, $"A {CampaignSetup.Sparse} {id} {NowMs}"));
                }
            }
        }
    }

    private async Task PublishAsync(Broker broker, int publisher, Random random)
    {
        IConnection connection = await broker.ConnectAsync();
        IChannel channel = await connection.OpenChannelAsync(new ChannelOptions { Mode = ChannelMode.Confirm });
        int number = 0;
        while (!_isStopping)
        {
            List<(string Id, string Target, long AtMs, Task<PublishResult> Result)> batch = [];
            for (int i = random.Next(1, 24); i > 0; i--)
            {
                string id = string.Create(CultureInfo.InvariantCulture, $"{_setup.Life}.{publisher}.{++number}");
                string target = publisher == Bodies.LongPublisher ? CampaignSetup.Sparse
                    : random.Next(12) switch { < 4 => "q0", 4 => "q1", < 8 => CampaignSetup.Fan, 8 => "prio", 9 => "work", 10 => CampaignSetup.Later, _ => "ttl" };
                MessageProperties properties = target switch
                {
                    "prio" => MessageProperties.Persistent with { Priority = (byte)random.Next(5) },
                    CampaignSetup.Later => MessageProperties.Persistent.WithHeader("x-delay", random.Next(2_000)),
                    _ => MessageProperties.Persistent,
                };
                bool isExchange = target is CampaignSetup.Fan or CampaignSetup.Later;
                batch.Add((id, target, NowMs, channel.TryPublishAsync(
                    isExchange ? target : "", isExchange ? "" : target, new Message(Bodies.Make(id), properties)).AsTask()));
            }

            foreach ((string id, string target, long atMs, Task<PublishResult> result) in batch)
            {
                PublishResult answer = await result;
                if (answer.Outcome == PublishOutcome.Confirmed)
                {
                    Say(string.Create(CultureInfo.InvariantCulture, $"C {id} {target} {atMs}"));
                }
                else if (!_isStopping)
                {
                    throw new InvalidOperationException($"The publish of {id} to {target} was answered with {answer}.");
                }
            }

            await PauseAsync(random.Next(8));
        }
    }

    private async Task ConsumeAsync(Broker broker, string queue, Random random)
    {
        IConnection connection = await broker.ConnectAsync();
        IChannel channel = await connection.OpenChannelAsync();
        await channel.SetPrefetchAsync(30);
        Queue<ulong> held = [];
        await foreach (Delivery delivery in channel.ConsumeAsync(queue))
        {
            string id = Bodies.Read(delivery.Body.Span);
            Say($"D {queue} {id} {(delivery.Redelivered ? 1 : 0)}");
            switch (random.Next(20))
            {
                case < 12:
                    Say($"a {queue} {id}");
                    await channel.AckAsync(delivery.DeliveryTag);
                    Say(string.Create(CultureInfo.InvariantCulture, $"A {queue} {id} {NowMs}"));
                    break;
                case < 15:
                    Say($"r {queue} {id}");
                    await channel.RejectAsync(delivery.DeliveryTag);
                    Say(string.Create(CultureInfo.InvariantCulture, $"R {queue} {id} {NowMs}"));
                    break;
                case < 17:
                    await channel.NackAsync(delivery.DeliveryTag);
                    break;
                default:
                    held.Enqueue(delivery.DeliveryTag);
                    break;
            }

            if (held.Count > MostHeld)
            {
                await channel.NackAsync(held.Dequeue());
            }
        }
    }

    private async Task MoveAsync(Broker broker, Random random)
    {
        IConnection connection = await broker.ConnectAsync();
        IChannel channel = await connection.OpenChannelAsync(new ChannelOptions { Mode = ChannelMode.Transactional });
        while (!_isStopping)
        {
            List<string> ids = [];
            for (int i = random.Next(1, 5); i > 0 && await channel.GetAsync("work") is { } got; i--)
            {
                ids.Add(Bodies.Read(got.Delivery.Body.Span));
                await channel.AckAsync(got.Delivery.DeliveryTag);
                await channel.PublishAsync("", "done", got.Delivery.Message);
            }

            if (ids.Count > 0)
            {
                string moved = string.Join(' ', ids);
                Say($"t {moved}");
                await channel.CommitTransactionAsync();
                Say($"X {moved}");
            }

            await PauseAsync(random.Next(10));
        }
    }

    private async Task ChangeNamesAsync(Broker broker, Random random)
    {
        IConnection connection = await broker.ConnectAsync();
        IChannel channel = await connection.OpenChannelAsync(new ChannelOptions { Mode = ChannelMode.Confirm });
        HashSet<string> names = await Names.ListAsync(broker);
        int number = 0;
        while (!_isStopping)
        {
            string name = Names.Pick(random);
            bool isThere = names.Contains(name);
            Say($"{(isThere ? '-' : '+')}? {name}");
            await Names.ToggleAsync(broker, channel, name, isThere);
            Say($"{(isThere ? '-' : '+')}! {name}");
            _ = isThere ? names.Remove(name) : names.Add(name);
            if (!isThere && Names.QueueOf(name) is { } queue)
            {
                for (int i = 0; i < 3; i++)
                {
                    string id = string.Create(CultureInfo.InvariantCulture, $"{_setup.Life}.21.{++number}");
                    long atMs = NowMs;
                    await channel.PublishAsync("", queue, new Message(Bodies.Make(id), MessageProperties.Persistent));
                    Say(string.Create(CultureInfo.InvariantCulture, $"C {id} {queue} {atMs}"));
                }
            }

            await PauseAsync(random.Next(12));
        }
    }

    private static long NowMs => (long)Stopwatch.GetElapsedTime(0).TotalMilliseconds;

    // In real time: what is tested is a process that somebody kills at some moment.
    private static Task PauseAsync(int ms) => Task.Delay(TimeSpan.FromMilliseconds(ms), TimeProvider.System);

    private void Say(string line)
    {
        lock (_outputGate)
        {
            _output.Write(Encoding.ASCII.GetBytes(line + "\n"));
            _output.Flush();
        }
    }
}
