using EmbeddedMq.TestSupport;
using Microsoft.Extensions.Configuration;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Hosting;
using Microsoft.Extensions.Options;

namespace EmbeddedMq.Tests.Hosting;

public sealed class StorageOptionsTests
{
    private static CancellationToken Token => TestContext.Current.CancellationToken;

    [Fact]
    public void Options_Untouched_KeepEverythingInMemoryAndWouldSync()
    {
        StorageOptions options = new BrokerOptions().Storage;

        Assert.Null(options.Directory);
        Assert.Equal(Durability.Synced, options.Durability);
        Assert.Equal(512L << 20, options.JournalBytes);
        Assert.Equal(256L << 20, options.FreeSpaceWatermarkBytes);
        Assert.Equal(64L << 20, options.ReserveBytes);
        Assert.False(options.Salvage);
    }

    [Fact]
    public void DataDirectory_IsTheStoragesDirectory()
    {
        BrokerOptions options = new() { DataDirectory = "a" };
        Assert.Equal("a", options.Storage.Directory);
        options.Storage.Directory = "b";
        Assert.Equal("b", options.DataDirectory);
    }

    [Theory]
    [InlineData("Storage.Directory is empty; give a directory, or null to keep everything in memory.")]
    [InlineData("Storage.Durability is 9; give Memory, OsBuffered or Synced.")]
    [InlineData("Storage.JournalBytes is 1048575; allowed is 1,048,576 to 1,099,511,627,776.")]
    [InlineData("Storage.FreeSpaceWatermarkBytes is -1; allowed is 0 or more.")]
    [InlineData("Storage.ReserveBytes is -2; allowed is 0 or more.")]
    public async Task Start_WithFaults_NamesEachOfThemAndMakesNothing(string fault)
    {
        BrokerOptions options = new()
        {
            Storage = new StorageOptions
            {
                Directory = "  ",
                Durability = (Durability)9,
                JournalBytes = (1 << 20) - 1,
                FreeSpaceWatermarkBytes = -1,
                ReserveBytes = -2,
            },
        };

        ArgumentException error = await Assert.ThrowsAsync<ArgumentException>(async () => await Broker.StartAsync(options, Token));

        Assert.Contains(fault, error.Message, StringComparison.Ordinal);
    }

    [Fact]
    public async Task Start_WithoutStorageOptions_SaysToLeaveThemAlone()
    {
        ArgumentException error = await Assert.ThrowsAsync<ArgumentException>(async () => await Broker.StartAsync(new BrokerOptions { Storage = null! }, Token));

        Assert.Contains("Storage is null; leave it at its default.", error.Message, StringComparison.Ordinal);
    }

    [Fact]
    public async Task Start_AtTheEdges_IsValid()
    {
        BrokerOptions options = new() { Storage = new StorageOptions { JournalBytes = 1 << 20, FreeSpaceWatermarkBytes = 0, ReserveBytes = 0, Durability = Durability.Memory } };

        await using Broker broker = await Broker.StartAsync(options, Token);

        Assert.Null(broker.Storage); // no directory
    }

    [Fact]
    public async Task Start_MoreThanAStoreCanHold_IsRefused()
    {
        BrokerOptions options = new() { Storage = new StorageOptions { Directory = "never made", JournalBytes = long.MaxValue } };
        options.Limits.MaxHeaderBytes = (1 << 20) + 1; // in memory it may be

        ArgumentException error = await Assert.ThrowsAsync<ArgumentException>(async () => await Broker.StartAsync(options, Token));

        Assert.Contains("Storage.JournalBytes is 9223372036854775807; allowed is 1,048,576 to 1,099,511,627,776.", error.Message, StringComparison.Ordinal);
        Assert.Contains("Limits.MaxHeaderBytes is 1048577; allowed is 1 to 786,432.", error.Message, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("")]
    [InlineData("below")]
    public async Task Start_WithAFileInThePlaceOfTheDirectory_SaysSo(string below)
    {
        string file = Path.GetTempFileName();
        try
        {
            BrokerOptions options = new() { DataDirectory = Path.Combine(file, below) };

            JournalException error = await Assert.ThrowsAsync<JournalException>(async () => await Broker.StartAsync(options, Token));

            Assert.EndsWith(
                $"cannot make the store's directory '{options.DataDirectory}': '{file}' is a file. Move the file away, or choose another directory.",
                error.Message,
                StringComparison.Ordinal);
            Assert.False(error.IsTransient);
        }
        finally
        {
            File.Delete(file);
        }
    }

    [Fact]
    public async Task Start_RememberingForEver_Starts()
    {
        await using StoredBroker stored = await StoredBroker.StartAsync(static options => options.Storage.IdempotenceRetention = TimeSpan.MaxValue);

        await stored.RestartAsync();
    }

    [Fact]
    public void Configuration_AllOfIt_IsBoundAndCodeWins()
    {
        Dictionary<string, string?> settings = new()
        {
            ["EmbeddedMq:Storage:Directory"] = "configured",
            ["EmbeddedMq:Storage:Durability"] = "OsBuffered",
            ["EmbeddedMq:Storage:JournalBytes"] = "2097152",
            ["EmbeddedMq:Storage:FreeSpaceWatermarkBytes"] = "1",
            ["EmbeddedMq:Storage:ReserveBytes"] = "2",
            ["EmbeddedMq:Storage:Salvage"] = "true",
            ["EmbeddedMq:BacklogMemoryBytes"] = "3",
        };

        BrokerOptions configured = Read(settings, static mq => { });
        BrokerOptions coded = Read(settings, static mq => mq.UseStorage("coded", static storage => storage.ReserveBytes = 7));

        Assert.Equal(
            ("configured", Durability.OsBuffered, 2_097_152L, 1L, 2L, true, 3L),
            (configured.DataDirectory, configured.Storage.Durability, configured.Storage.JournalBytes, configured.Storage.FreeSpaceWatermarkBytes, configured.Storage.ReserveBytes, configured.Storage.Salvage, configured.BacklogMemoryBytes));
        Assert.Equal(("coded", Durability.OsBuffered, 7L), (coded.DataDirectory, coded.Storage.Durability, coded.Storage.ReserveBytes));
    }

    [Fact]
    public void Configuration_OutOfRange_IsRefusedWithTheFault()
    {
        OptionsValidationException error = Assert.Throws<OptionsValidationException>(
            () => Read(new Dictionary<string, string?> { ["EmbeddedMq:Storage:JournalBytes"] = "1" }, static mq => { }));

        Assert.StartsWith("Storage.JournalBytes is 1; allowed is ", Assert.Single(error.Failures), StringComparison.Ordinal);
    }

    [Fact]
    public void UseStorage_WithoutADirectory_IsRefusedAtOnce()
        => Assert.Throws<ArgumentException>(() => Read([], static mq => mq.UseStorage(" ")));

    private static BrokerOptions Read(Dictionary<string, string?> settings, Action<IEmbeddedMqBuilder> configure)
    {
        HostApplicationBuilder builder = new(new HostApplicationBuilderSettings { DisableDefaults = true });
        builder.Configuration.AddInMemoryCollection(settings);
        builder.Services.AddEmbeddedMq(configure);
        using IHost host = builder.Build();
        return host.Services.GetRequiredService<IOptionsMonitor<BrokerOptions>>().CurrentValue;
    }
}
