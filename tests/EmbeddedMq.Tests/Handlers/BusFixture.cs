using EmbeddedMq.TestSupport;
using Microsoft.Extensions.Time.Testing;

namespace EmbeddedMq.Tests.Handlers;

/// <summary>A broker and a bus on it for one test, with a clock that only the test moves and a log that can be waited for.</summary>
internal sealed class BusFixture : IAsyncDisposable
{
    // A clock that goes faster than handlers can follow ends leases and limits that nobody was late for.
    private const int YieldsPerStep = 20;

    private readonly BrokerFixture _broker;
    private readonly List<MessageBus> _buses = [];

    private BusFixture(BrokerFixture broker) => _broker = broker;

    public RecordingLog Log { get; } = new();

    public BrokerFixture Broker => _broker;

    public FakeTimeProvider Time => _broker.Time;

    public MessageBus Bus => _buses[^1];

    public IPublisher Publisher => Bus.Publisher;

    public static async Task<BusFixture> StartAsync(
        Action<IEmbeddedMqBuilder> configure, Action<MessageBusOptions>? options = null, IServiceProvider? services = null)
    {
        BusFixture fixture = await StartBrokerAsync();
        await fixture.StartBusAsync(configure, options, services);
        return fixture;
    }

    public static async Task<BusFixture> StartBrokerAsync(BrokerOptions? options = null)
        => new(await BrokerFixture.StartAsync(async time =>
        {
            options ??= new BrokerOptions();
            options.TimeProvider = time;
            return await EmbeddedMq.Broker.StartAsync(options);
        }));

    public async Task<MessageBus> StartBusAsync(
        Action<IEmbeddedMqBuilder> configure, Action<MessageBusOptions>? options = null, IServiceProvider? services = null)
    {
        MessageBusOptions busOptions = new();
        options?.Invoke(busOptions);
        MessageBus bus = await MessageBus.StartAsync(_broker.Broker, configure, busOptions, services, Time, Log, TestContext.Current.CancellationToken);
        _buses.Add(bus);
        return bus;
    }

    /// <summary>Moves the clock in steps until something has happened: whoever waits may arm its timer only after the test looked.</summary>
    public async Task<T> AdvanceUntilAsync<T>(Task<T> task, TimeSpan step)
    {
        using CancellationTokenSource patience = new(BrokerFixture.Patience);
        while (!task.IsCompleted)
        {
            Assert.False(patience.IsCancellationRequested, "It did not happen, however far the clock went.");
            Time.Advance(step);
            for (int i = 0; i < YieldsPerStep; i++)
            {
                await Task.Yield();
            }
        }

        return await task;
    }

    public async Task AdvanceUntilAsync(Task task, TimeSpan step)
        => await AdvanceUntilAsync(task.ContinueWith(static done => done.IsFaulted ? throw done.Exception! : true, TaskScheduler.Default), step);

    /// <summary>Waits until a queue has so many ready and so many unsettled messages.</summary>
    public async Task WaitForCountsAsync(string queue, long ready, long unacked = 0)
    {
        using CancellationTokenSource patience = new(BrokerFixture.Patience);
        while (true)
        {
            IReadOnlyList<QueueDescription> queues = await _broker.Broker.Management.ListQueuesAsync("/");
            QueueDescription? description = queues.FirstOrDefault(candidate => candidate.Name == queue);
            if (description is not null && description.ReadyCount == ready && description.UnackedCount == unacked)
            {
                return;
            }

            Assert.False(
                patience.IsCancellationRequested,
                $"Queue '{queue}' has {description?.ReadyCount} ready and {description?.UnackedCount} unsettled messages, not {ready} and {unacked}.");
            await Task.Yield();
        }
    }

    public async ValueTask DisposeAsync()
    {
        foreach (MessageBus bus in _buses)
        {
            Task disposing = bus.DisposeAsync().AsTask();
            await AdvanceUntilAsync(disposing, TimeSpan.FromSeconds(1));
        }

        await _broker.DisposeAsync();
    }
}
