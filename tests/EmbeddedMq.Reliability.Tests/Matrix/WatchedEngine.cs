using System.Diagnostics.CodeAnalysis;
using System.Reflection;

namespace EmbeddedMq.Reliability.Tests.Matrix;

/// <summary>Passes the places <c>publish</c>, <c>confirm</c> and <c>ack</c> on the way to a broker; of messages that are checked also <c>check</c> and
/// <c>confirmation</c>, and of those that are sent again <c>recheck</c> and <c>resend</c>.</summary>
/// <param name="inner">The broker.</param>
/// <param name="killSwitch">Where to die.</param>
internal sealed class WatchedEngine(IBroker inner, KillSwitch killSwitch) : IBroker
{
    public string Name => inner.Name;

    public IBrokerManagement Management => inner.Management;

    public async ValueTask<IConnection> ConnectAsync(ConnectionOptions? options = null, CancellationToken cancellationToken = default)
        => Watch<IConnection>(await inner.ConnectAsync(options, cancellationToken), killSwitch);

    public ValueTask DisposeAsync() => inner.DisposeAsync();

    private static T Watch<T>(T inner, KillSwitch killSwitch)
        where T : class
    {
        T proxy = DispatchProxy.Create<T, Proxy>();
        ((Proxy)(object)proxy).Begin(inner, killSwitch);
        return proxy;
    }

    /// <summary>Stands before a connection or a channel; only what has a place to pass is more than a call.</summary>
    [SuppressMessage("Performance", "CA1852:Seal internal types", Justification = "DispatchProxy derives from it while the program runs.")]
    internal class Proxy : DispatchProxy
    {
        private object? _inner;
        private KillSwitch? _killSwitch;

        public void Begin(object inner, KillSwitch killSwitch) => (_inner, _killSwitch) = (inner, killSwitch);

        [SuppressMessage("Reliability", "CA2012:Use ValueTasks correctly", Justification = "What reflection gives as an object is awaited once.")]
        protected override object? Invoke(MethodInfo? targetMethod, object?[]? args)
            => targetMethod!.Name switch
            {
                nameof(IConnection.OpenChannelAsync) => OpenAsync((ValueTask<IChannel>)Call(targetMethod, args)!),
                nameof(IChannel.TryPublishAsync) => PublishAsync(KindOf((Message)args![2]!), () => (ValueTask<PublishResult>)Call(targetMethod, args)!),
                nameof(IChannel.PublishAsync) => PublishAsync(KindOf((Message)args![2]!), () => (ValueTask<ulong>)Call(targetMethod, args)!),
                nameof(IChannel.AckAsync) => AckAsync(() => (ValueTask)Call(targetMethod, args)!),
                _ => Call(targetMethod, args),
            };

        private static string KindOf(Message message)
        {
            bool isAgain = message.Headers.GetValueOrDefault(MessageHeaders.CheckAttempt) is int and > 1;
            return message.Properties.Type switch
            {
                "embeddedmq.check" => isAgain ? "recheck" : "check",
                "embeddedmq.check.confirmation" => "confirmation",
                _ => isAgain ? "resend" : "publish",
            };
        }

        private object? Call(MethodInfo method, object?[]? args) => method.Invoke(_inner, BindingFlags.DoNotWrapExceptions, null, args, null);

        private async ValueTask<IChannel> OpenAsync(ValueTask<IChannel> opening) => Watch(await opening, _killSwitch!);

        private async ValueTask<T> PublishAsync<T>(string kind, Func<ValueTask<T>> publish)
        {
            _killSwitch!.Pass($"before {kind}");
            ValueTask<T> publishing = publish();
            _killSwitch.Pass($"after {kind}");
            T result = await publishing;
            if (kind == "publish")
            {
                _killSwitch.Pass("after confirm");
            }

            return result;
        }

        private async ValueTask AckAsync(Func<ValueTask> ack)
        {
            _killSwitch!.Pass("before ack");
            await ack();
            _killSwitch.Pass("after ack");
        }
    }
}
