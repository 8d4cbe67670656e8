using System.Diagnostics;
using EmbeddedMq.TestSupport.Servers;
using Xunit;

namespace EmbeddedMq.TestSupport;

/// <summary>Waits for what happens in real time, on servers and in other processes: bounded, and with a name in the failure.</summary>
/// <remarks>The bound is that of <see cref="RabbitServer.BePatient"/>; only what never happens is waited for so long.</remarks>
public static class Patiently
{
    private static readonly TimeSpan Glance = TimeSpan.FromMilliseconds(20);

    /// <summary>Waits for a task.</summary>
    /// <param name="task">The task.</param>
    /// <param name="what">What it brings.</param>
    public static async Task WithinPatienceAsync(this Task task, string what)
    {
        try
        {
            await task.WaitAsync(Programs.Patience, TestContext.Current.CancellationToken);
        }
        catch (TimeoutException) when (!task.IsCompleted)
        {
            throw new TimeoutException($"Waited {Programs.Patience.TotalSeconds} s for {what}.");
        }
    }

    /// <summary>Waits for a task's result.</summary>
    /// <param name="task">The task.</param>
    /// <param name="what">What it brings.</param>
    public static async Task<T> WithinPatienceAsync<T>(this Task<T> task, string what)
    {
        await WithinPatienceAsync((Task)task, what);
        return await task;
    }

    /// <summary>Looks again and again until something holds.</summary>
    /// <param name="condition">Whether it does.</param>
    /// <param name="what">What it is, as of the moment of the failure.</param>
    public static async Task UntilAsync(Func<Task<bool>> condition, Func<string> what)
    {
        Stopwatch waited = Stopwatch.StartNew();
        while (!await condition())
        {
            Assert.True(waited.Elapsed < Programs.Patience, $"Waited {Programs.Patience.TotalSeconds} s for {what()}.");
            await Task.Delay(Glance, TimeProvider.System, TestContext.Current.CancellationToken);
        }
    }

    /// <summary>Looks again and again, without a pause, until something holds that other threads of this process are about to do.</summary>
    /// <param name="condition">Whether it does.</param>
    /// <param name="what">What it is.</param>
    /// <param name="step">What is to be done between two looks, as moving a clock.</param>
    public static async Task YieldUntilAsync(Func<ValueTask<bool>> condition, string what, Action? step = null)
    {
        Stopwatch waited = Stopwatch.StartNew();
        while (!await condition())
        {
            Assert.True(waited.Elapsed < BrokerFixture.Patience, $"Waited {BrokerFixture.Patience.TotalSeconds} s for {what}.");
            step?.Invoke();
            await Task.Yield();
        }
    }

    /// <inheritdoc cref="YieldUntilAsync(Func{ValueTask{bool}}, string, Action?)"/>
    public static Task YieldUntilAsync(Func<bool> condition, string what, Action? step = null) => YieldUntilAsync(() => ValueTask.FromResult(condition()), what, step);

    /// <inheritdoc cref="UntilAsync(Func{Task{bool}}, Func{string})"/>
    public static Task UntilAsync(Func<Task<bool>> condition, string what) => UntilAsync(condition, () => what);

    /// <inheritdoc cref="UntilAsync(Func{Task{bool}}, Func{string})"/>
    public static Task UntilAsync(Func<bool> condition, string what) => UntilAsync(() => Task.FromResult(condition()), () => what);
}
