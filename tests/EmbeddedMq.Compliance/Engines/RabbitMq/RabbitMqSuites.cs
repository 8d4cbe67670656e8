namespace EmbeddedMq.Compliance.RabbitMq;

// One line a suite, so one file for all of them: a suite missing here is found by CoverageTests.

public sealed class RabbitMqAcknowledgeCompliance() : AcknowledgeCompliance(new RabbitMqEngine());

public sealed class RabbitMqAcknowledgementTimeoutCompliance() : AcknowledgementTimeoutCompliance(new RabbitMqEngine());

public sealed class RabbitMqAlternateExchangeCompliance() : AlternateExchangeCompliance(new RabbitMqEngine());

public sealed class RabbitMqBindingCompliance() : BindingCompliance(new RabbitMqEngine());

public sealed class RabbitMqBlockPublisherCompliance() : BlockPublisherCompliance(new RabbitMqEngine());

public sealed class RabbitMqConfirmCompliance() : ConfirmCompliance(new RabbitMqEngine());

public sealed class RabbitMqConnectionCompliance() : ConnectionCompliance(new RabbitMqEngine());

public sealed class RabbitMqConsistentHashCompliance() : ConsistentHashCompliance(new RabbitMqEngine());

public sealed class RabbitMqConsumeCompliance() : ConsumeCompliance(new RabbitMqEngine());

public sealed class RabbitMqDeadLetterCompliance() : DeadLetterCompliance(new RabbitMqEngine());

public sealed class RabbitMqDeathHistoryCompliance() : DeathHistoryCompliance(new RabbitMqEngine());

public sealed class RabbitMqDefinitionsCompliance() : DefinitionsCompliance(new RabbitMqEngine());

public sealed class RabbitMqDelayedExchangeCompliance() : DelayedExchangeCompliance(new RabbitMqEngine());

public sealed class RabbitMqDeliveryLimitCompliance() : DeliveryLimitCompliance(new RabbitMqEngine());

public sealed class RabbitMqDirectReplyToCompliance() : DirectReplyToCompliance(new RabbitMqEngine());

public sealed class RabbitMqDispatchCompliance() : DispatchCompliance(new RabbitMqEngine());

public sealed class RabbitMqExchangeDeclareCompliance() : ExchangeDeclareCompliance(new RabbitMqEngine());

public sealed class RabbitMqExchangeRoutingCompliance() : ExchangeRoutingCompliance(new RabbitMqEngine());

public sealed class RabbitMqExclusiveQueueCompliance() : ExclusiveQueueCompliance(new RabbitMqEngine());

public sealed class RabbitMqFlowControlCompliance() : FlowControlCompliance(new RabbitMqEngine());

public sealed class RabbitMqHeadersCompliance() : HeadersCompliance(new RabbitMqEngine());

public sealed class RabbitMqLengthLimitCompliance() : LengthLimitCompliance(new RabbitMqEngine());

public sealed class RabbitMqLimitsCompliance() : LimitsCompliance(new RabbitMqEngine());

public sealed class RabbitMqManagementCompliance() : ManagementCompliance(new RabbitMqEngine());

public sealed class RabbitMqOrderingCompliance() : OrderingCompliance(new RabbitMqEngine());

public sealed class RabbitMqPolicyCompliance() : PolicyCompliance(new RabbitMqEngine());

public sealed class RabbitMqPrefetchCompliance() : PrefetchCompliance(new RabbitMqEngine());

public sealed class RabbitMqPriorityCompliance() : PriorityCompliance(new RabbitMqEngine());

public sealed class RabbitMqPublishCompliance() : PublishCompliance(new RabbitMqEngine());

public sealed class RabbitMqQueueArgumentCompliance() : QueueArgumentCompliance(new RabbitMqEngine());

public sealed class RabbitMqQueueDeclareCompliance() : QueueDeclareCompliance(new RabbitMqEngine());

public sealed class RabbitMqQueueDeleteCompliance() : QueueDeleteCompliance(new RabbitMqEngine());

public sealed class RabbitMqQueueExpiryCompliance() : QueueExpiryCompliance(new RabbitMqEngine());

public sealed class RabbitMqQuorumQueueCompliance() : QuorumQueueCompliance(new RabbitMqEngine());

public sealed class RabbitMqRandomExchangeCompliance() : RandomExchangeCompliance(new RabbitMqEngine());

public sealed class RabbitMqSingleActiveConsumerCompliance() : SingleActiveConsumerCompliance(new RabbitMqEngine());

public sealed class RabbitMqTopicCompliance() : TopicCompliance(new RabbitMqEngine());

public sealed class RabbitMqTransactionCompliance() : TransactionCompliance(new RabbitMqEngine());

public sealed class RabbitMqTtlCompliance() : TtlCompliance(new RabbitMqEngine());

public sealed class RabbitMqVirtualHostCompliance() : VirtualHostCompliance(new RabbitMqEngine());
