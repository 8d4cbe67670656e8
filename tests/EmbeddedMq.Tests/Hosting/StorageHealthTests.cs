using EmbeddedMq.Hosting;
using EmbeddedMq.Journal.Faster;
using EmbeddedMq.Queues;
using EmbeddedMq.TestSupport;
using EmbeddedMq.TestSupport.Journal;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Diagnostics.HealthChecks;
using Microsoft.Extensions.Hosting;
using Microsoft.Extensions.Time.Testing;

namespace EmbeddedMq.Tests.Hosting;

public sealed class StorageHealthTests
{
    private const string Directory = "/store";

    private static readonly IReadOnlyDictionary<string, string> None = new Dictionary<string, string>();

    private static CancellationToken Token => TestContext.Current.CancellationToken;

    [Fact]
    public async Task Health_DiskFailsAndRecovers_IsUnhealthyMeanwhileAndSaysWhy()
    {
        FaultyFiles files = new(seed: 1);
        FakeTimeProvider time = new();
        using IHost host = Build(files, time);
        await host.StartAsync(Token);
        Assert.Equal(HealthStatus.Healthy, (await CheckAsync(host)).Status);
        await using IConnection connection = await host.Services.GetRequiredService<IBroker>().ConnectAsync(cancellationToken: Token);
        await using IChannel channel = await connection.OpenChannelAsync(cancellationToken: Token);
        await channel.DeclareQueueAsync("q", static queue => queue.Durable(), Token);

        files.FailForEver = true;
        files.FailIn(1);
        PublishResult refused = await channel.TryPublishAsync("", "q", Message.Text("1", MessageProperties.Persistent), cancellationToken: Token);
        HealthReportEntry failed = await CheckAsync(host);
        (files.FailForEver, files.FailAt) = (false, 0);
        HealthReportEntry mended = failed;
        while (mended.Status != HealthStatus.Healthy)
        {
            Token.ThrowIfCancellationRequested();
            time.Advance(TimeSpan.FromSeconds(1));
            mended = await CheckAsync(host);
        }

        Assert.Equal((PublishOutcome.Rejected, RejectReason.StorageFailed), (refused.Outcome, refused.RejectReason));
        Assert.Equal(HealthStatus.Unhealthy, failed.Status);
        Assert.Matches("^The storage has failed: .*Input/output error", failed.Description!);
        await host.StopAsync(Token);
    }

    [Fact]
    public async Task Health_DiskNearlyFull_IsDegradedAndSaysHowFull()
    {
        FaultyFiles files = new(seed: 1) { Capacity = 1 << 20 };
        using IHost host = Build(files, new FakeTimeProvider(), watermarkBytes: 2 << 20);
        await host.StartAsync(Token);

        HealthReportEntry low = await CheckAsync(host);

        Assert.Equal(HealthStatus.Degraded, low.Status);
        Assert.Matches($"^The disk is nearly full: .*the disk of '{Directory}' has [0-9]+ bytes left, less than the watermark of 2097152", low.Description!);
        await host.StopAsync(Token);
    }

    [Fact]
    public async Task Health_PageCannotBeRead_IsUnhealthyUntilTheDiskIsBackAndTheQueueGoesOn()
    {
        FaultyFiles files = new(seed: 1);
        FakeTimeProvider time = new();
        using IHost host = Build(files, time, backlogBytes: 1);
        await host.StartAsync(Token);
        IBroker broker = host.Services.GetRequiredService<IBroker>();
        await using IConnection connection = await broker.ConnectAsync(cancellationToken: Token);
        await using IChannel channel = await connection.OpenChannelAsync(cancellationToken: Token);
        await channel.DeclareQueueAsync("q", static queue => queue.Durable(), Token);
        List<string> texts = [.. Enumerable.Range(0, 50).Select(static i => $"{i}")];
        foreach (string text in texts)
        {
            await channel.PublishAsync("", "q", Message.Text(text, MessageProperties.Persistent), cancellationToken: Token);
        }

        await Patiently.YieldUntilAsync(async () => (await broker.Management.ListQueuesAsync("/", Token)).Single().AwayCount >= 30, "most messages on disk", GoOn);

        files.FailReads = true;
        List<string> found = [];
        await Assert.ThrowsAsync<JournalException>(TakeAllAsync);
        HealthReportEntry failed = await CheckAsync(host);
        files.FailReads = false;
        await Patiently.YieldUntilAsync(HasTakenAllAsync, "all messages", GoOn);

        Assert.Equal(HealthStatus.Unhealthy, failed.Status);
        Assert.Matches(@"^Not readable: q \(.*Input/output error", failed.Description!);
        Assert.Equal(texts, found);
        Assert.Equal(HealthStatus.Healthy, (await CheckAsync(host)).Status);
        await host.StopAsync(Token);

        void GoOn() => time.Advance(TimeSpan.FromMilliseconds(100));

        async ValueTask<bool> HasTakenAllAsync()
        {
            try
            {
                await TakeAllAsync();
            }
            catch (JournalException)
            {
                // Not readable yet.
            }

            return found.Count == texts.Count;
        }

        async Task TakeAllAsync()
        {
            while (await channel.GetAsync("q", autoAck: true, Token) is { } got)
            {
                found.Add(got.Delivery.Message.GetText());
            }
        }
    }

    [Fact]
    public void Health_QueueCannotBeRead_IsUnhealthyAndNamesQueueAndReason()
    {
        HealthCheckResult result = BrokerHealthCheck.Judge(
            HealthStatus.Unhealthy, Storage(StorageState.Open), new Dictionary<string, string> { ["orders"] = "'hot-1.seg' is damaged" }, None, blocked: null);

        Assert.Equal((HealthStatus.Unhealthy, "Not readable: orders ('hot-1.seg' is damaged)"), (result.Status, result.Description));
        Assert.Equal("'hot-1.seg' is damaged", result.Data["orders"]);
    }

    [Fact]
    public void Health_EverythingIsWrong_SaysAllOfItTheWorstFirst()
    {
        Dictionary<string, string> unreadable = new() { ["a"] = "damaged" };
        Dictionary<string, string> idle = new() { ["b"] = "cancelled" };

        HealthCheckResult result = BrokerHealthCheck.Judge(HealthStatus.Degraded, Storage(StorageState.Failed, "no disk"), unreadable, idle, "the disk failed");

        Assert.Equal(
            (HealthStatus.Degraded, "The storage has failed: no disk; Not readable: a (damaged); Not consuming: b (cancelled)"),
            (result.Status, result.Description));
    }

    [Theory]
    [InlineData(StorageState.Open, null, HealthStatus.Healthy)]
    [InlineData(StorageState.Open, "low on memory", HealthStatus.Degraded)]
    [InlineData(StorageState.LowSpace, "low on disk", HealthStatus.Degraded)]
    [InlineData(StorageState.Failed, null, HealthStatus.Unhealthy)]
    public void Health_StateOfStorage_DecidesTheStatus(StorageState state, string? blocked, HealthStatus expected)
        => Assert.Equal(expected, BrokerHealthCheck.Judge(HealthStatus.Unhealthy, Storage(state), None, None, blocked).Status);

    private static StorageDescription Storage(StorageState state, string? reason = null) => new(Directory, state) { Reason = reason };

    private static async Task<HealthReportEntry> CheckAsync(IHost host)
        => (await host.Services.GetRequiredService<HealthCheckService>().CheckHealthAsync(Token)).Entries["embeddedmq"];

    private static IHost Build(FaultyFiles files, TimeProvider time, long watermarkBytes = 0, long backlogBytes = 1 << 20)
    {
        HostApplicationBuilder builder = new(new HostApplicationBuilderSettings { DisableDefaults = true });
        builder.Services.AddHealthChecks().AddEmbeddedMq();
        builder.Services.AddEmbeddedMq(mq => mq.UseStorage(Directory).Configure(options =>
        {
            options.TimeProvider = time;
            options.BacklogMemoryBytes = backlogBytes;
            options.BacklogSettings = new BacklogSettings { FirstPageMessages = 2, PageMessages = 4, WindowMessages = 1 };
            options.Storage.OpenJournal = async (_, clock, _) => await FasterJournal.OpenAsync(SmallStore.Options(Directory, watermarkBytes: watermarkBytes), files, clock);
        }));
        return builder.Build();
    }
}
